/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <assert.h>
#include <time.h>

/*
 * Civil dates are counted in years that begin on 1 March, so that the leap day is a year's last,
 * and in eras of 400 years, which all have the same number of days. No table, no loop, no libc:
 * each journal row pays for two of these.
 */
enum {
    DAYS_PER_ERA = 146097,
    DAYS_PER_CENTURY = 36524,
    DAYS_PER_FOUR_YEARS = 1461,
    DAYS_PER_YEAR = 365,
    YEARS_PER_ERA = 400,
    DAYS_BEFORE_1970 = 719468, /* from 0000-03-01 */
    SECONDS_PER_DAY = 86400,
};

/* The last microsecond of the year 9999, beyond which the text forms have no room. */
#define CLOCK_LAST INT64_C(253402300799999999)

struct civil {
    unsigned year, month, day;
    unsigned hour, minute, second, microsecond;
};

/* A clock may be moved by a person: what has no text form is brought to the nearest that has. */
static int64_t within_range(int64_t time_us)
{
    if (time_us < CLOCK_NEVER) {
        return CLOCK_NEVER;
    }
    return time_us > CLOCK_LAST ? CLOCK_LAST : time_us;
}

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    const int failed = clock_gettime(id, &now);
    assert(failed == 0);
    return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

int64_t clock_now_us(const struct clock *clock)
{
    return clock->frozen ? clock->frozen_at_us : read_us(CLOCK_REALTIME) + clock->shift_us;
}

void clock_freeze(struct clock *clock)
{
    clock->frozen_at_us = clock_now_us(clock);
    clock->frozen = true;
}

void clock_run(struct clock *clock)
{
    const int64_t now_us = clock_now_us(clock);
    if (clock->frozen) {
        clock->frozen = false;
        clock_set(clock, now_us);
    }
}

void clock_set(struct clock *clock, int64_t now_us)
{
    const int64_t reachable_us = within_range(now_us);
    if (clock->frozen) {
        clock->frozen_at_us = reachable_us;
    } else {
        clock->shift_us = reachable_us - read_us(CLOCK_REALTIME);
    }
}

void clock_advance(struct clock *clock, int64_t duration_us)
{
    const int64_t now_us = within_range(clock_now_us(clock));
    if (duration_us > CLOCK_LAST - now_us) {
        clock_set(clock, CLOCK_LAST);
    } else if (duration_us < CLOCK_NEVER - now_us) {
        clock_set(clock, CLOCK_NEVER);
    } else {
        clock_set(clock, now_us + duration_us);
    }
}

int64_t clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

static void civil_set_date(struct civil *civil, unsigned days)
{
    const unsigned era = days / DAYS_PER_ERA;
    const unsigned day_of_era = days % DAYS_PER_ERA;
    /* Takes out the leap days that went before, so that every year counts 365. */
    const unsigned leapless = day_of_era - day_of_era / (DAYS_PER_FOUR_YEARS - 1) +
                              day_of_era / DAYS_PER_CENTURY - day_of_era / (DAYS_PER_ERA - 1);
    const unsigned year_of_era = leapless / DAYS_PER_YEAR;
    const unsigned day_of_year =
        day_of_era - (year_of_era * DAYS_PER_YEAR + year_of_era / 4 - year_of_era / 100);
    /* March to January run 31 30 31 30 31 each five months: 153 days. */
    const unsigned month = (5 * day_of_year + 2) / 153;
    civil->day = day_of_year - (153 * month + 2) / 5 + 1;
    civil->month = month < 10 ? month + 3 : month - 9;
    civil->year = era * YEARS_PER_ERA + year_of_era + (month < 10 ? 0 : 1);
}

static struct civil civil_from_us(int64_t time_us)
{
    /* From 0000-03-01 nothing that is within the range is negative. */
    const uint64_t since =
        (uint64_t)(within_range(time_us) + CLOCK_SECOND * DAYS_BEFORE_1970 * SECONDS_PER_DAY);
    const uint64_t seconds = since / CLOCK_SECOND;
    const unsigned second_of_day = (unsigned)(seconds % SECONDS_PER_DAY);

    struct civil civil = {
        .hour = second_of_day / 3600,
        .minute = second_of_day / 60 % 60,
        .second = second_of_day % 60,
        .microsecond = (unsigned)(since % CLOCK_SECOND),
    };
    civil_set_date(&civil, (unsigned)(seconds / SECONDS_PER_DAY));
    return civil;
}

/* Days from 1970-01-01, for years from 0001. */
static int64_t days_from_date(unsigned year, unsigned month, unsigned day)
{
    const unsigned march_year = month > 2 ? year : year - 1;
    const unsigned march_month = month > 2 ? month - 3 : month + 9;
    const unsigned year_of_era = march_year % YEARS_PER_ERA;
    const unsigned day_of_era = year_of_era * DAYS_PER_YEAR + year_of_era / 4 - year_of_era / 100 +
                                (153 * march_month + 2) / 5 + day - 1;
    return (int64_t)(march_year / YEARS_PER_ERA) * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_1970;
}

static char *put_digits(char *at, unsigned value, size_t count)
{
    for (size_t i = count; i > 0; i--) {
        at[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + count;
}

static char *put_byte(char *at, char byte)
{
    *at = byte;
    return at + 1;
}

static char *put_time(char *at, const struct civil *civil)
{
    at = put_byte(put_digits(at, civil->hour, 2), ':');
    at = put_byte(put_digits(at, civil->minute, 2), ':');
    return put_digits(at, civil->second, 2);
}

static char *put_iso(char *at, int64_t time_us)
{
    const struct civil civil = civil_from_us(time_us);
    at = put_byte(put_digits(at, civil.year, 4), '-');
    at = put_byte(put_digits(at, civil.month, 2), '-');
    at = put_byte(put_digits(at, civil.day, 2), 'T');
    at = put_time(at, &civil);
    if (time_us > CLOCK_NEVER) {
        at = put_digits(put_byte(at, '.'), civil.microsecond * 10, 7);
    }
    return put_byte(at, 'Z');
}

void clock_append_iso(struct buf *out, int64_t time_us)
{
    char text[CLOCK_TEXT_SIZE];
    buf_append(out, text, (size_t)(put_iso(text, time_us) - text));
}

void clock_text_iso(int64_t time_us, char out[CLOCK_TEXT_SIZE])
{
    *put_iso(out, time_us) = '\0';
}

void clock_text_us(int64_t time_us, char out[CLOCK_TEXT_US_SIZE])
{
    const struct civil civil = civil_from_us(time_us);
    char *at = put_byte(put_digits(out, civil.month, 2), '/');
    at = put_byte(put_digits(at, civil.day, 2), '/');
    at = put_byte(put_digits(at, civil.year, 4), ' ');
    *put_time(at, &civil) = '\0';
}

/* Each take_ moves what it read out of *text, and answers false when it is not there. */
static bool take_byte(struct str *text, char byte)
{
    if (text->size == 0 || text->data[0] != byte) {
        return false;
    }
    *text = str_skip(*text, 1);
    return true;
}

static bool take_digits(struct str *text, size_t count, unsigned *ret_value)
{
    uint64_t value = 0;
    if (text->size < count || !str_to_u64(str_of(text->data, count), &value)) {
        return false;
    }
    *ret_value = (unsigned)value;
    *text = str_skip(*text, count);
    return true;
}

static bool date_exists(const struct civil *civil)
{
    static const unsigned char month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (civil->year < 1 || civil->month < 1 || civil->month > 12) {
        return false;
    }
    if (civil->day < 1 || civil->day > month_days[civil->month - 1]) {
        return false;
    }
    const bool leap = (civil->year % 4 == 0 && civil->year % 100 != 0) || civil->year % 400 == 0;
    return leap || civil->month != 2 || civil->day < 29;
}

static bool take_date(struct str *text, struct civil *civil)
{
    return take_digits(text, 4, &civil->year) && take_byte(text, '-') &&
           take_digits(text, 2, &civil->month) && take_byte(text, '-') &&
           take_digits(text, 2, &civil->day) && date_exists(civil);
}

static bool take_time(struct str *text, struct civil *civil)
{
    return take_digits(text, 2, &civil->hour) && civil->hour < 24 && take_byte(text, ':') &&
           take_digits(text, 2, &civil->minute) && civil->minute < 60 && take_byte(text, ':') &&
           take_digits(text, 2, &civil->second) && civil->second < 60;
}

static bool take_fraction(struct str *text, struct civil *civil)
{
    if (!take_byte(text, '.')) {
        return true;
    }
    size_t count = 0;
    unsigned digit = 0;
    for (unsigned weight = 100000; take_digits(text, 1, &digit); weight /= 10) {
        civil->microsecond += digit * weight;
        count++;
    }
    return count >= 1 && count <= 9;
}

static bool take_zone(struct str *text, int64_t *ret_offset_s)
{
    *ret_offset_s = 0;
    if (text->size == 0 || take_byte(text, 'Z')) {
        return true;
    }
    const bool west = take_byte(text, '-');
    unsigned hours = 0;
    unsigned minutes = 0;
    if ((!west && !take_byte(text, '+')) || !take_digits(text, 2, &hours) || hours > 23 ||
        !take_byte(text, ':') || !take_digits(text, 2, &minutes) || minutes > 59) {
        return false;
    }
    const int64_t offset_s = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    *ret_offset_s = west ? -offset_s : offset_s;
    return true;
}

bool clock_from_iso(struct str text, int64_t *ret_time_us)
{
    struct civil civil = {0};
    int64_t offset_s = 0;
    if (!take_date(&text, &civil) || !take_byte(&text, 'T') || !take_time(&text, &civil) ||
        !take_fraction(&text, &civil) || !take_zone(&text, &offset_s) || text.size > 0) {
        return false;
    }
    const int64_t seconds = days_from_date(civil.year, civil.month, civil.day) * SECONDS_PER_DAY +
                            INT64_C(3600) * civil.hour + INT64_C(60) * civil.minute + civil.second -
                            offset_s;
    const int64_t time_us = seconds * CLOCK_SECOND + civil.microsecond;
    if (time_us != within_range(time_us)) {
        return false;
    }
    *ret_time_us = time_us;
    return true;
}

int64_t clock_dotnet_ticks(int64_t time_us)
{
    return (within_range(time_us) - CLOCK_NEVER) * 10;
}

/* time.c - see time.h. Pure arithmetic; it never asks what time it is. */
#include "trial/time.h"

#include "trial/limits.h"

/* Days from civil and back, after the well-known era arithmetic: 400 years are 146,097 days. */
static trial_date date_from_civil(int year, int month, int day)
{
    int shifted = month <= 2 ? year - 1 : year;
    int era = shifted / 400; /* 1900 and later: never negative */
    int year_of_era = shifted - era * 400;
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static void civil_from_date(trial_date date, int *ret_year, int *ret_month, int *ret_day)
{
    int days = date + 719468;
    int era = (days >= 0 ? days : days - 146096) / 146097;
    int day_of_era = days - era * 146097;
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted_month = (5 * day_of_year + 2) / 153;

    *ret_day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *ret_month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Read exactly `digits` decimal digits; -1 where there are not that many. */
static int read_digits(trial_text text, uint32_t at, uint32_t digits)
{
    int value = 0;

    if (at + digits > text.size) {
        return -1;
    }
    for (uint32_t i = at; i < at + digits; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') {
            return -1;
        }
        value = value * 10 + (text.at[i] - '0');
    }
    return value;
}

static bool byte_is(trial_text text, uint32_t at, char wanted)
{
    return at < text.size && text.at[at] == wanted;
}

static bool read_day(trial_text text, trial_date *ret_date)
{
    int year = read_digits(text, 0, 4);
    int month = read_digits(text, 5, 2);
    int day = read_digits(text, 8, 2);

    if (year < TRIAL_TIME_YEAR_MIN || year > TRIAL_TIME_YEAR_MAX || month < 1 || month > 12 ||
        !byte_is(text, 4, '-') || !byte_is(text, 7, '-')) {
        return false;
    }
    if (day < 1 || day > days_of_month(year, month)) {
        return false;
    }
    *ret_date = date_from_civil(year, month, day);
    return true;
}

trial_code trial_date_read(trial_text text, trial_date *ret_date, trial_error *err)
{
    trial_date date = TRIAL_DATE_NONE;

    if (text.size != 10 || !read_day(text, &date)) {
        return trial_fail_rule(err,
                               TRIAL_RULE_BAD_TIME,
                               "'%.*s' is not a day written YYYY-MM-DD from 1900 to 2100",
                               text.size > 40 ? 40 : (int)text.size,
                               text.at == NULL ? "" : text.at);
    }
    *ret_date = date;
    return TRIAL_OK;
}

/* Read the fraction of a second at `at`, if there is one; false where it is badly written. */
static bool read_fraction(trial_text text, uint32_t *at, int64_t *ret_ns)
{
    int64_t ns = 0;
    uint32_t digits = 0;

    if (!byte_is(text, *at, '.')) {
        return true;
    }
    (*at)++;
    while (*at < text.size && text.at[*at] >= '0' && text.at[*at] <= '9') {
        ns = ns * 10 + (text.at[*at] - '0');
        digits++;
        (*at)++;
        if (digits > 9) {
            return false;
        }
    }
    if (digits == 0) {
        return false;
    }
    for (; digits < 9; digits++) {
        ns *= 10;
    }
    *ret_ns = ns;
    return true;
}

/* Read Z or +hh:mm, which must end the text. */
static bool read_zone(trial_text text, uint32_t at, int64_t *ret_offset_s)
{
    int hours = read_digits(text, at + 1, 2);
    int minutes = read_digits(text, at + 4, 2);

    if ((byte_is(text, at, 'Z') || byte_is(text, at, 'z')) && at + 1 == text.size) {
        *ret_offset_s = 0;
        return true;
    }
    if ((!byte_is(text, at, '+') && !byte_is(text, at, '-')) || !byte_is(text, at + 3, ':') ||
        at + 6 != text.size || hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return false;
    }
    *ret_offset_s = ((int64_t)hours * 60 + minutes) * 60;
    if (byte_is(text, at, '-')) {
        *ret_offset_s = -*ret_offset_s;
    }
    return true;
}

static bool read_instant(trial_text text, trial_instant *ret_instant)
{
    trial_date date = TRIAL_DATE_NONE;
    int hour = read_digits(text, 11, 2);
    int minute = read_digits(text, 14, 2);
    int second = read_digits(text, 17, 2);
    int64_t ns = 0;
    int64_t offset_s = 0;
    uint32_t at = 19;

    if (text.size > TRIAL_TIME_BYTES_MAX || !read_day(text, &date) ||
        !(byte_is(text, 10, 'T') || byte_is(text, 10, 't')) || !byte_is(text, 13, ':') ||
        !byte_is(text, 16, ':')) {
        return false;
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
        return false; /* a leap second has no instant of its own: 60 is refused, not guessed */
    }
    if (!read_fraction(text, &at, &ns) || !read_zone(text, at, &offset_s)) {
        return false;
    }
    *ret_instant = (int64_t)date * TRIAL_NS_PER_DAY +
                   (((int64_t)hour * 60 + minute) * 60 + second - offset_s) * TRIAL_NS_PER_S + ns;
    return true;
}

trial_code trial_instant_read(trial_text text, trial_instant *ret_instant, trial_error *err)
{
    trial_instant instant = TRIAL_INSTANT_NONE;

    if (!read_instant(text, &instant)) {
        return trial_fail_rule(err,
                               TRIAL_RULE_BAD_TIME,
                               "'%.*s' is not an RFC 3339 time with zone from 1900 to 2100",
                               text.size > 40 ? 40 : (int)text.size,
                               text.at == NULL ? "" : text.at);
    }
    *ret_instant = instant;
    return TRIAL_OK;
}

/* Write exactly `digits` decimal digits; they are what is written most, so printf is too slow. */
static void write_digits(char *text, unsigned number, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--) {
        text[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
}

void trial_date_write(trial_date date, char *text)
{
    int year;
    int month;
    int day;

    civil_from_date(date, &year, &month, &day);
    write_digits(text, (unsigned)year, 4);
    text[4] = '-';
    write_digits(text + 5, (unsigned)month, 2);
    text[7] = '-';
    write_digits(text + 8, (unsigned)day, 2);
    text[10] = '\0';
}

trial_date trial_date_of(trial_instant instant)
{
    int64_t day = instant / TRIAL_NS_PER_DAY;

    return (trial_date)(instant % TRIAL_NS_PER_DAY < 0 ? day - 1 : day);
}

trial_instant trial_date_begin(trial_date date)
{
    return (int64_t)date * TRIAL_NS_PER_DAY;
}

trial_instant trial_date_end(trial_date date)
{
    return ((int64_t)date + 1) * TRIAL_NS_PER_DAY - 1;
}

/* Write the instant with the first `digits` digits of its second's fraction. */
static void write_instant(trial_instant instant, unsigned digits, char *text)
{
    trial_date date = trial_date_of(instant);
    int64_t ns = instant - trial_date_begin(date);
    unsigned second = (unsigned)(ns / TRIAL_NS_PER_S);
    char fraction[9];

    trial_date_write(date, text);
    text[10] = 'T';
    write_digits(text + 11, second / 3600, 2);
    text[13] = ':';
    write_digits(text + 14, second / 60 % 60, 2);
    text[16] = ':';
    write_digits(text + 17, second % 60, 2);
    text += 19;
    if (digits > 0) {
        write_digits(fraction, (unsigned)(ns % TRIAL_NS_PER_S), 9);
        *text++ = '.';
        memcpy(text, fraction, digits);
        text += digits;
    }
    text[0] = 'Z';
    text[1] = '\0';
}

void trial_instant_write_us(trial_instant instant, char *text)
{
    write_instant(instant, 6, text);
}

void trial_instant_write(trial_instant instant, char *text)
{
    int64_t fraction = instant % TRIAL_NS_PER_S;
    unsigned digits = 9;

    fraction = fraction < 0 ? fraction + TRIAL_NS_PER_S : fraction;
    while (digits > 0 && fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    write_instant(instant, digits, text);
}

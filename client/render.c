/* render.c - see render.h. Tables are libsmartcols', which knows how wide letters are. */
#include "render.h"

#include "json.h"
#include "pack.h"
#include "trace.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define CELL_PARTS_MAX 64 /* a cell of more parts says how many */
#define COLUMN_NAME_BYTES 32
#define COLUMNS_MAX 24
#define WIDE_CELL_COLUMNS 30
#define CUT_CELL_COLUMNS 12 /* of a wide cell at least so much is shown */
#define TERMINAL_COLUMNS 80 /* where it does not say */
#define SIGN_BYTES 3        /* of the signs for control characters, in UTF-8 */

static bool is_container(const trial_value *value)
{
    return value->kind == TRIAL_VALUE_LIST || value->kind == TRIAL_VALUE_MAP;
}

static trial_text scalar_text(trial_arena *arena, const trial_value *value)
{
    switch (value->kind) {
    case TRIAL_VALUE_NIL:
        return TRIAL_TEXT("");
    case TRIAL_VALUE_TRUTH:
        return value->as.truth ? TRIAL_TEXT("yes") : TRIAL_TEXT("no");
    case TRIAL_VALUE_TEXT:
        return value->as.text;
    case TRIAL_VALUE_INTEGER:
    case TRIAL_VALUE_UNSIGNED:
    case TRIAL_VALUE_FLOAT:
    case TRIAL_VALUE_LIST:
    case TRIAL_VALUE_MAP:
        break;
    }
    return json_text(arena, value);
}

static trial_text join(trial_arena *arena, trial_text before, const char *between, trial_text more)
{
    return before.size == 0
               ? more
               : trial_arena_print(
                     arena, "%.*s%s%.*s", TRIAL_TEXT_ARGS(before), between, TRIAL_TEXT_ARGS(more));
}

static trial_text list_text(trial_arena *arena, const trial_value *list)
{
    trial_text text = TRIAL_TEXT("");

    for (uint32_t i = 0; i < list->as.list.count; i++) {
        if (i == CELL_PARTS_MAX || is_container(list->as.list.items[i])) {
            return trial_arena_print(arena, "%u", list->as.list.count);
        }
        text = join(arena, text, ", ", scalar_text(arena, list->as.list.items[i]));
    }
    return text;
}

/* Each entry of a map as `name value`. */
static trial_text map_text(trial_arena *arena, const trial_value *map)
{
    trial_text text = TRIAL_TEXT("");

    for (uint32_t i = 0; i < map->as.map.count && i < CELL_PARTS_MAX; i++) {
        const trial_entry *entry = &map->as.map.entries[i];
        trial_text value;

        if (entry->value->kind == TRIAL_VALUE_MAP) {
            value = json_text(arena, entry->value);
        } else if (entry->value->kind == TRIAL_VALUE_LIST) {
            value = list_text(arena, entry->value);
        } else {
            value = scalar_text(arena, entry->value);
        }
        if (value.size > 0) {
            text =
                join(arena,
                     text,
                     ", ",
                     trial_arena_print(
                         arena, "%.*s %.*s", TRIAL_TEXT_ARGS(entry->name), TRIAL_TEXT_ARGS(value)));
        }
    }
    return text;
}

/* The bytes of the control character that begins there; 0: none does. */
static uint32_t control_size(trial_text text, uint32_t at)
{
    unsigned char c = (unsigned char)text.at[at];

    if (c < 0x20 || c == 0x7f) {
        return 1;
    }
    return c == 0xc2 && at + 1 < text.size && (unsigned char)text.at[at + 1] < 0xa0 ? 2 : 0;
}

/* The sign for a control character: U+2400 and on for the old ones, U+FFFD for those behind DEL. */
static void write_sign(char ret_sign[SIGN_BYTES], unsigned char c)
{
    memcpy(ret_sign, c < 0x80 ? "\xe2\x90\x80" : "\xef\xbf\xbd", SIGN_BYTES);
    if (c == 0x7f) {
        ret_sign[2] = (char)0xa1;
    } else if (c < 0x20) {
        ret_sign[2] = (char)(0x80 + c);
    }
}

trial_text render_tame(trial_arena *arena, trial_text text)
{
    uint32_t signs = 0;
    uint32_t size = 0;
    char *tame;

    for (uint32_t i = 0; i < text.size; i++) {
        signs += control_size(text, i) > 0;
    }
    if (signs == 0) {
        return text;
    }
    tame = trial_arena_take(arena, (size_t)text.size + (size_t)signs * SIGN_BYTES);
    for (uint32_t i = 0; i < text.size;) {
        uint32_t control = control_size(text, i);

        if (control > 0) {
            write_sign(tame + size, (unsigned char)text.at[i]);
            size += SIGN_BYTES;
            i += control;
        } else {
            tame[size++] = text.at[i++];
        }
    }
    return (trial_text){ tame, size };
}

trial_text render_valid(trial_arena *arena, trial_text text)
{
    uint32_t from = pack_text_valid(text);
    uint32_t size = from;
    char *valid;

    if (from == text.size) {
        return text;
    }
    valid = trial_arena_take(arena, (size_t)text.size * SIGN_BYTES);
    memcpy(valid, text.at, from);
    while (from < text.size) {
        uint32_t more;

        memcpy(valid + size, "\xef\xbf\xbd", SIGN_BYTES);
        size += SIGN_BYTES;
        from++;
        more = pack_text_valid((trial_text){ text.at + from, text.size - from });
        memcpy(valid + size, text.at + from, more);
        size += more;
        from += more;
    }
    return (trial_text){ valid, size };
}

void render_put(FILE *out, trial_text text)
{
    char sign[SIGN_BYTES];

    for (uint32_t i = 0; i < text.size;) {
        uint32_t control = control_size(text, i);

        if (control > 0) {
            write_sign(sign, (unsigned char)text.at[i]);
            (void)fwrite(sign, 1, SIGN_BYTES, out); /* main.c looks for errors */
            i += control;
        } else {
            (void)putc(text.at[i++], out);
        }
    }
}

/* The columns that a text takes on a terminal: letters may have several bytes, and no width. */
static uint32_t columns_of(trial_text text)
{
    mbstate_t state = { 0 };
    uint32_t columns = 0;

    for (uint32_t i = 0; i < text.size;) {
        wchar_t letter = 0;
        size_t size = mbrtowc(&letter, text.at + i, text.size - i, &state);
        bool is_letter = size > 0 && size <= text.size - i;
        int width = is_letter ? wcwidth(letter) : 1;

        state = is_letter ? state : (mbstate_t){ 0 };
        columns += width < 0 ? 1 : (uint32_t)width; /* a sign stands for what steers */
        i += is_letter ? (uint32_t)size : 1;
    }
    return columns;
}

void render_padded(FILE *out, trial_text text, uint32_t columns)
{
    render_put(out, text);
    for (uint32_t i = columns_of(text); i < columns; i++) {
        (void)putc(' ', out);
    }
}

trial_text render_cell(trial_arena *arena, const trial_value *value)
{
    trial_text text = TRIAL_TEXT("");

    if (value == NULL) {
        return text;
    }
    if (value->kind == TRIAL_VALUE_LIST) {
        text = list_text(arena, value);
    } else {
        text = value->kind == TRIAL_VALUE_MAP ? map_text(arena, value) : scalar_text(arena, value);
    }
    return render_tame(arena, text);
}

static bool is_list_of_maps(const trial_value *value)
{
    return value->kind == TRIAL_VALUE_LIST && value->as.list.count > 0 &&
           value->as.list.items[0]->kind == TRIAL_VALUE_MAP;
}

/* A column of a table. */
struct column {
    const char *name;
    bool is_number; /* numbers stand to the right */
    bool is_wide;   /* only what is wide is cut where the terminal is narrow */
    uint32_t room;  /* what it is shown in */
};

/* Does any row say something in that column? Then how is it shown? */
static bool look_at_column(trial_arena *arena, const trial_value *rows, struct column *column)
{
    bool is_used = false;

    column->is_number = true;
    column->is_wide = false;
    column->room = (uint32_t)strlen(column->name);
    for (uint32_t i = 0; i < rows->as.list.count; i++) {
        const trial_value *value = trial_value_get(rows->as.list.items[i], column->name);
        trial_text cell = render_cell(arena, value);
        uint32_t columns = columns_of(cell);

        if (cell.size > 0) {
            is_used = true;
            column->is_wide = column->is_wide || columns > WIDE_CELL_COLUMNS;
            column->room = columns > column->room ? columns : column->room;
            column->is_number = column->is_number && (value->kind == TRIAL_VALUE_INTEGER ||
                                                      value->kind == TRIAL_VALUE_FLOAT);
        }
    }
    return is_used;
}

uint32_t render_columns(FILE *out)
{
    const char *told = getenv("COLUMNS");
    struct winsize size = { 0 };
    long number = told == NULL ? 0 : strtol(told, NULL, 10);

    if (isatty(fileno(out)) != 1) {
        return 0;
    }
    if (number > 0 && number <= UINT16_MAX) {
        return (uint32_t)number;
    }
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                         : TERMINAL_COLUMNS;
}

/* Take room from the widest of the wide columns, until all of them fit or none has any to spare. */
static void fit_columns(struct column *columns, uint32_t count, uint32_t room)
{
    uint32_t total = count - 1; /* blanks between them */
    struct column *widest = columns;

    for (uint32_t i = 0; i < count; i++) {
        total += columns[i].room;
    }
    while (room > 0 && total > room && widest != NULL) {
        widest = NULL;
        for (uint32_t i = 1; i < count; i++) { /* the first says what the row is about */
            if (columns[i].is_wide && columns[i].room > CUT_CELL_COLUMNS &&
                (widest == NULL || columns[i].room > widest->room)) {
                widest = &columns[i];
            }
        }
        if (widest != NULL) {
            widest->room--;
            total--;
        }
    }
}

/* The text, or its beginning and a sign that there is more. */
static trial_text cut(trial_arena *arena, trial_text text, uint32_t room)
{
    uint32_t size = text.size;

    if (columns_of(text) <= room) {
        return text;
    }
    while (size > 0 && columns_of((trial_text){ text.at, size }) >= room) {
        size--;
        while (size > 0 && ((unsigned char)text.at[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    return trial_arena_print(arena, "%.*s…", (int)size, text.at);
}

static char *cell_string(trial_arena *arena, const trial_value *row, const struct column *column)
{
    trial_text cell =
        cut(arena, render_cell(arena, trial_value_get(row, column->name)), column->room);
    char *string = trial_arena_take(arena, (size_t)cell.size + 1);

    if (cell.size > 0) {
        memcpy(string, cell.at, cell.size);
    }
    return string;
}

/* A column with its heading in capitals. */
static void add_column(struct libscols_table *table, const struct column *column)
{
    const char *name = column->name;
    char heading[COLUMN_NAME_BYTES];
    size_t size = strlen(name) < sizeof heading ? strlen(name) : sizeof heading - 1;

    for (size_t i = 0; i < size; i++) {
        heading[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
    }
    heading[size] = '\0';
    if (scols_table_new_column(table, heading, 0, column->is_number ? SCOLS_FL_RIGHT : 0) == NULL) {
        trial_exhausted(); /* it belongs to the table */
    }
}

static void add_line(struct libscols_table *table,
                     trial_arena *arena,
                     const trial_value *row,
                     const struct column *columns,
                     uint32_t count)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);

    if (line == NULL) {
        trial_exhausted();
    }
    for (uint32_t i = 0; i < count; i++) {
        if (scols_line_set_data(line, i, cell_string(arena, row, &columns[i])) != 0) {
            trial_exhausted(); /* the column is there */
        }
    }
}

/* The columns of those names that are used, each as wide as it can be. */
static uint32_t choose_columns(trial_arena *arena,
                               const trial_value *rows,
                               char *names,
                               uint32_t room,
                               struct column ret_columns[COLUMNS_MAX])
{
    uint32_t count = 0;

    for (char *name = strsep(&names, " "); name != NULL; name = strsep(&names, " ")) {
        struct column column = { .name = name };

        if (look_at_column(arena, rows, &column)) {
            TRIAL_ASSERT(count < COLUMNS_MAX);
            ret_columns[count++] = column;
        }
    }
    if (count > 0) {
        fit_columns(ret_columns, count, room);
    }
    return count;
}

void render_table(FILE *out, trial_arena *arena, const trial_value *rows, const char *columns)
{
    struct libscols_table *table = scols_new_table();
    struct column chosen[COLUMNS_MAX];
    char names[512];
    uint32_t count;

    TRIAL_ASSERT(strlen(columns) < sizeof names);
    if (table == NULL) {
        trial_exhausted();
    }
    memcpy(names, columns, strlen(columns) + 1);
    count = choose_columns(arena, rows, names, render_columns(out), chosen);
    (void)scols_table_set_stream(table, out); /* fails only for no table, as does the next */
    (void)scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER); /* it cuts without a sign */
    for (uint32_t i = 0; i < count; i++) {
        add_column(table, &chosen[i]);
    }
    for (uint32_t i = 0; i < rows->as.list.count && count > 0; i++) {
        add_line(table, arena, rows->as.list.items[i], chosen, count);
    }
    if (count > 0 && scols_print_table(table) == -ENOMEM) {
        trial_exhausted(); /* whether everything was written is for main.c to see */
    }
    scols_unref_table(table);
}

/* The names a reader looks for first, then those of the views in their order. */
static const char *const leading_columns[] = {
    "trial",        "exemptionId", "evaluationId", "indicator", "network",
    "municipality", "name",        "title",        "round",     "act",
    "section",      "ministry",    "effect",       "mode",      "evaluator",
#define COLUMN(name, doc) #name,
#define VIEW(lower, UPPER, name, row, answers, kinds, ...) __VA_ARGS__
#include "trial/views.def"
};

static uint32_t rank_of(trial_text name)
{
    uint32_t rank = 0;

    while (rank < sizeof leading_columns / sizeof leading_columns[0] &&
           !trial_text_is(name, leading_columns[rank])) {
        rank++;
    }
    return rank;
}

static int by_rank(const void *left, const void *right)
{
    uint32_t a = rank_of(*(const trial_text *)left);
    uint32_t b = rank_of(*(const trial_text *)right);

    return a != b ? (a > b) - (a < b)
                  : trial_text_compare(*(const trial_text *)left, *(const trial_text *)right);
}

/* The names of a map's entries, separated by spaces: the columns of a list of such maps. */
static const char *names_of(trial_arena *arena, const trial_value *map)
{
    trial_text ranked[COLUMNS_MAX];
    trial_text names = TRIAL_TEXT("");
    uint32_t count = map->as.map.count < COLUMNS_MAX ? map->as.map.count : COLUMNS_MAX;
    char *string;

    for (uint32_t i = 0; i < count; i++) {
        ranked[i] = map->as.map.entries[i].name;
    }
    qsort(ranked, count, sizeof ranked[0], by_rank);
    for (uint32_t i = 0; i < count; i++) {
        names = join(arena, names, " ", ranked[i]);
    }
    string = trial_arena_take(arena, (size_t)names.size + 1);
    memcpy(string, names.at, names.size);
    return string;
}

void render_card(FILE *out, trial_arena *arena, const trial_value *map)
{
    uint32_t widest = 0;

    for (uint32_t i = 0; i < map->as.map.count; i++) {
        uint32_t size = map->as.map.entries[i].name.size;

        widest = size > widest ? size : widest;
    }
    for (uint32_t i = 0; i < map->as.map.count; i++) {
        const trial_entry *entry = &map->as.map.entries[i];
        trial_text cell = render_cell(arena, entry->value);

        if (cell.size > 0 && !is_list_of_maps(entry->value)) {
            (void)fprintf(out, /* main.c looks for errors */
                          "%-*.*s  %.*s\n",
                          (int)widest,
                          TRIAL_TEXT_ARGS(entry->name),
                          TRIAL_TEXT_ARGS(cell));
        }
    }
    for (uint32_t i = 0; i < map->as.map.count; i++) {
        const trial_entry *entry = &map->as.map.entries[i];

        if (is_list_of_maps(entry->value)) {
            (void)fprintf(out, "\n%.*s\n", TRIAL_TEXT_ARGS(entry->name));
            render_table(out, arena, entry->value, names_of(arena, entry->value->as.list.items[0]));
        }
    }
}

void render_event_line(FILE *out, const trial_value *event)
{
    trial_text time = trial_value_get_text(event, "time");
    trial_text type = trial_value_get_text(event, "type");
    trial_text subject = trial_value_get_text(event, "subject");
    trial_text source = trial_value_get_text(event, "source");
    trace_parent parent;
    bool has_trace = trace_read(trial_value_get_text(event, TRACE_ATTRIBUTE), &parent);

    (void)fprintf(out,
                  "%7lld  %-20.*s  %-26.*s  %-24.*s  %.*s",
                  (long long)trial_value_get_integer(event, "position"),
                  TRIAL_TEXT_ARGS(time),
                  TRIAL_TEXT_ARGS(type),
                  TRIAL_TEXT_ARGS(subject),
                  TRIAL_TEXT_ARGS(source));
    if (has_trace) {
        (void)fprintf(out, "  trace %.*s", TRIAL_TEXT_ARGS(parent.trace));
    }
    (void)putc('\n', out);
}

bool render_can_draw(FILE *out)
{
    const char *terminal = getenv("TERM");

    return terminal != NULL && terminal[0] != '\0' && strcmp(terminal, "dumb") != 0 &&
           isatty(fileno(out)) == 1;
}

bool render_has_colour(FILE *out)
{
    const char *no = getenv("NO_COLOR");

    return (no == NULL || no[0] == '\0') && render_can_draw(out);
}

void render_bar(FILE *out, uint64_t number, uint64_t most, uint32_t width)
{
    static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    uint64_t parts = most == 0 ? 0 : number * width * 8 / most;
    bool has_colour = render_has_colour(out);

    if (has_colour) {
        (void)fputs("\033[36m", out);
    }
    for (uint64_t i = 0; i < parts / 8; i++) {
        (void)fputs("█", out);
    }
    (void)fputs(eighths[parts % 8], out);
    if (has_colour) {
        (void)fputs("\033[0m", out);
    }
}

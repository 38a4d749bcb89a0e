#include "registry/glob.h"

#include "base/error.h"

#include <string.h>

#define PATH_GLOB_MOST 256

/*
 * A glob as a row of states: state i is reached when i literals have been read; stay[i] says what may be read
 * without leaving it. So a star is no state of its own, and no step is taken without reading a byte.
 */
enum stay { STAY_NOT, STAY_IN_SEGMENT, STAY_ANYWHERE };
struct states {
    size_t count; /* of literals; the last state is count */
    uint8_t literal[GLOB_MOST];
    uint8_t stay[GLOB_MOST + 1];
};

static void compile(struct bytes glob, struct states *out)
{
    BUG_ON(glob.len > GLOB_MOST);
    out->count = 0;
    out->stay[0] = STAY_NOT;
    for (size_t i = 0; i < glob.len; i++) {
        uint8_t c = glob.data[i];
        if (c == '*') {
            bool twice = i + 1 < glob.len && glob.data[i + 1] == '*';
            out->stay[out->count] = twice ? STAY_ANYWHERE : STAY_IN_SEGMENT;
            i += twice;
            continue;
        }
        if (c == '\\' && i + 1 < glob.len)
            c = glob.data[++i];
        out->literal[out->count++] = c;
        out->stay[out->count] = STAY_NOT;
    }
}

static bool may_stay(uint8_t stay, uint8_t c)
{
    return stay == STAY_ANYWHERE || (stay == STAY_IN_SEGMENT && c != '/');
}

bool glob_match(struct bytes glob, struct bytes text)
{
    struct states s;
    uint8_t in[GLOB_MOST + 1] = {1}; /* which states we are in */
    compile(glob, &s);
    size_t lowest = 0, highest = 0;
    for (size_t t = 0; t < text.len; t++) {
        uint8_t c = text.data[t];
        size_t next_lowest = s.count + 1, next_highest = 0;
        /* Downwards: a state's new value needs the old one of the state below it. */
        size_t top = highest < s.count ? highest + 1 : s.count;
        for (size_t i = top + 1; i-- > lowest;) {
            bool stays = in[i] && may_stay(s.stay[i], c);
            bool comes = i > lowest && in[i - 1] && s.literal[i - 1] == c;
            in[i] = stays || comes;
            if (in[i]) {
                next_lowest = i;
                if (next_highest < i)
                    next_highest = i;
            }
        }
        if (next_lowest > s.count)
            return false;
        lowest = next_lowest;
        highest = next_highest;
    }
    return in[s.count];
}

/* Row by row over pairs of states: is there a text that leads to state i of a and state j of b? Each step
 * reads a byte that both accept and moves at least one of them. */
bool glob_overlap(struct bytes a, struct bytes b)
{
    struct states x, y;
    bool above[GLOB_MOST + 1] = {false}, row[GLOB_MOST + 1] = {false};
    compile(a, &x);
    compile(b, &y);
    for (size_t i = 0; i <= x.count; i++) {
        for (size_t j = 0; j <= y.count; j++) {
            bool both = i > 0 && j > 0 && above[j - 1] && x.literal[i - 1] == y.literal[j - 1];
            bool only_a = i > 0 && above[j] && may_stay(y.stay[j], x.literal[i - 1]);
            bool only_b = j > 0 && row[j - 1] && may_stay(x.stay[i], y.literal[j - 1]);
            row[j] = (i == 0 && j == 0) || both || only_a || only_b;
        }
        memcpy(above, row, sizeof above);
    }
    return above[y.count];
}

/* --- form --- */

static bool is_literal(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && c < 0x80 && strchr("-._~!$&'()+,=:@", c) != NULL);
}

static bool is_dots(struct bytes segment)
{
    return bytes_equal_string(segment, ".") || bytes_equal_string(segment, "..");
}

const char *glob_segment_fault(struct bytes glob)
{
    for (size_t i = 0; i < glob.len; i++) {
        uint8_t c = glob.data[i];
        if (c == '\\' && i + 1 < glob.len && glob.data[i + 1] == '*')
            i++;
        else if (c == '*' && i + 1 < glob.len && glob.data[i + 1] == '*')
            return "'**' goes over segments: here only '*' may stand inside one";
        else if (c != '*' && !is_literal(c))
            return "a glob has letters, digits, -._~!$&'()+,=:@ and '*' ('\\*' for a star itself)";
    }
    return is_dots(glob) ? "no path that is judged has a segment '.' or '..'" : NULL;
}

const char *glob_path_fault(struct bytes glob)
{
    if (glob.len == 0 || glob.data[0] != '/')
        return "a path begins with '/'";
    if (glob.len > PATH_GLOB_MOST)
        return "a glob has at most 256 bytes";
    size_t segment = 1;
    for (size_t i = 1; i <= glob.len; i++) {
        if (i < glob.len && glob.data[i] != '/')
            continue;
        struct bytes part = bytes_make(glob.data + segment, i - segment);
        if (part.len == 0 && i < glob.len)
            return "no path that is judged has an empty segment";
        /* '**' may stand anywhere; what is left of the segment is judged like any other. */
        uint8_t rest[PATH_GLOB_MOST];
        size_t len = 0;
        for (size_t k = 0; k < part.len; k++) {
            if (part.data[k] == '*' && k + 2 < part.len && part.data[k + 1] == '*' && part.data[k + 2] == '*')
                return "'*' stands within a segment, '**' for anything: three mean nothing";
            if (part.data[k] == '\\' && k + 1 < part.len) {
                rest[len++] = part.data[k++];
                rest[len++] = part.data[k];
                continue;
            }
            rest[len++] = part.data[k];
            k += part.data[k] == '*' && k + 1 < part.len && part.data[k + 1] == '*';
        }
        const char *fault = glob_segment_fault(bytes_make(rest, len));
        if (fault != NULL)
            return fault;
        segment = i + 1;
    }
    return NULL;
}

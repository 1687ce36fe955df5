/* What a status means to a person; src/status.ts has the same texts. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "tinytrain_host.h"

/* Messages without figures. */
static const char *const MESSAGES[] = {
    [1] = "not a .ttm model: it does not begin with TTM1",
    [2] = "not a usable .ttm model: its version is unknown, expected 1",
    [3] = "not a usable .ttm model: truncated, or longer than it says",
    [4] = "not a usable .ttm model: its checksum does not match, the file is damaged",
    [7] = "training needs at least two classes: add samples of another class",
    [11] = "call out of order: open a model and begin a job first",
    [13] = "an option is out of range",
    [14] = "training diverged: the loss is no longer a number; lower the learning rate (--lr)",
    [15] = "not a patch: it does not begin with TTD1",
    [16] = "not a usable patch: its version is unknown, expected 1",
    [17] = "not a usable patch: truncated, or longer than it says",
    [18] = "not a usable patch: its checksum does not match, the file is damaged",
    [19] = "the patch was made for another model: use the model that it was made with",
    [20] = "not a usable patch: a field is out of range",
};

/* MACs for a message. A small C library prints floats with memory of the heap, or not at all. */
static uint32_t whole(double macs)
{
    return macs < UINT32_MAX ? (uint32_t)macs : UINT32_MAX;
}

/* The message of TT_BUDGET. */
static void budget_message(const struct tt_control *c, char *text, size_t size)
{
    if (isinf(c->least_macs))
        snprintf(text, size, "the model has no layer that can be trained");
    else if (c->least_bytes > c->memory_budget)
        snprintf(text, size,
                 "a memory budget of %" PRIu32 " bytes is too small to train anything: the least possible is %" PRIu32 " bytes",
                 c->memory_budget, c->least_bytes);
    else if (c->least_macs > c->compute_budget)
        snprintf(text, size, "a compute budget of %" PRIu32 " MACs is too small to train anything: the least possible is %" PRIu32 " MACs",
                 whole(c->compute_budget), whole(c->least_macs));
    else if (c->ram_budget && c->least_ram > c->ram_budget)
        snprintf(text, size, "%" PRIu32 " bytes of RAM are too few to train anything: the least possible is %" PRIu32 " bytes",
                 c->ram_budget, c->least_ram);
    else
        snprintf(text, size, "no layer fits both budgets: the least possible, each alone, is %" PRIu32 " bytes and %" PRIu32 " MACs",
                 c->least_bytes, whole(c->least_macs));
}

static void ram_message(uint32_t needed, uint32_t given, char *text, size_t size)
{
    snprintf(text, size, "this run needs %" PRIu32 " bytes of RAM, more than the %" PRIu32 " given (--ram)", needed, given);
}

void tt_message(const struct tt_engine *engine, int32_t status, char *text, size_t size)
{
    const struct tt_control *c = engine->control;
    switch (status) {
    case TT_TRAP: snprintf(text, size, "the engine was stopped: %s", engine->trap); return;
    case TT_ADDRESS: snprintf(text, size, "the engine named an address or a key that is not its own"); return;
    case TT_HOST_MEMORY:
        snprintf(text, size, "not enough memory on this machine%s%s", engine->trap[0] ? ": " : "", engine->trap);
        return;
    case TT_MODULE: snprintf(text, size, "not the engine: %s", engine->trap); return;
    case TT_HOST_DATA: snprintf(text, size, "the engine asked for data that this host does not have"); return;
    case TT_NOT_FINITE: snprintf(text, size, "a sample has a value that is not a finite number: leave it out"); return;
    case TT_VIEWS: snprintf(text, size, "not so many views of a picture: 1 to %d", TT_MAX_VIEWS); return;
    case TT_VIEW_FEATURES:
        snprintf(text, size, "training diverged: the features of a view are too large; lower the learning rate (--lr)");
        return;
    case TT_MODEL_SIZE: snprintf(text, size, "%s", MESSAGES[3]); return;
    }
    size_t code = status < 0 ? (size_t)-(int64_t)status : 0;
    if (code < sizeof MESSAGES / sizeof *MESSAGES && MESSAGES[code]) {
        snprintf(text, size, "%s", MESSAGES[code]);
        return;
    }
    /* The others have figures, which only an engine has. */
    if (!c)
        status = 0;
    switch (status) {
    case TT_BUDGET: budget_message(c, text, size); return;
    case TT_RAM: ram_message(c->need_bytes, c->ram_budget, text, size); return;
    case TT_NEED_MEMORY:
        if (c->ram_budget) {
            uint32_t room = UINT32_MAX - engine->arena;
            ram_message(engine->arena + (c->need_bytes < room ? c->need_bytes : room), c->ram_budget, text, size);
            return;
        }
        snprintf(text, size, "the run needs an arena of %" PRIu32 " bytes, and has %" PRIu32, c->need_bytes, c->arena_bytes);
        return;
    case TT_MODEL_INVALID:
        if (c->detail < 0)
            snprintf(text, size, "not a usable .ttm model: its header is out of range");
        else
            snprintf(text, size, "not a usable .ttm model: operator %" PRId32 " is out of range", c->detail);
        return;
    case -8: snprintf(text, size, "class %" PRId32 " has no sample: give it one or leave it out", c->detail); return;
    case -9: snprintf(text, size, "sample %" PRId32 " has a label that is no class", c->detail); return;
    case -12:
        snprintf(text, size, "selection: layer %" PRId32 " names a channel that it does not have", c->detail);
        return;
    }
    snprintf(text, size, "unknown status %" PRId32 " of the engine", status);
}

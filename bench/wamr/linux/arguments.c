/* The command line; arguments.h says what each function does. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "arguments.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
    "tinytrain-wamr --wasm build/tinytrain.wasm --model M.ttm --support DIR [-o OUT.ttd] [--queries DIR] [options]\n"
    "tinytrain-wamr --wasm build/tinytrain.wasm --model M.ttm --patch P.ttd --queries DIR [options]\n"
    "\n"
    "Adapts the model to the samples of --support and writes the patch, and classifies those of --queries, with the\n"
    "adapted model or with a saved patch. DIR has one folder a class, with one file of raw float32 (NHWC,\n"
    "preprocessed, little-endian) a sample: *.f32. The model's weights stay outside WebAssembly's memory.\n"
    "\n"
    "  --method tinytrain|deeptrain|thintrain|lastlayer|fulltrain|biasonly|none   (tinytrain)\n"
    "  --criterion tinytrain|fisher|random|depth              (that of the method)\n"
    "  --memory BYTES         budget of backward memory; 256KB, 1MB are understood   (1MB)\n"
    "  --compute MACS         budget of a backward pass: MACs, or a share such as 15%   (15%)\n"
    "  --ram BYTES            limit of WebAssembly's memory, which then has exactly so many bytes   (none)\n"
    "  --iterations N         (40)\n"
    "  --optimizer adam|momentum|sgd|lomo   (that of the method)\n"
    "  --lr X                 (that of the method)\n"
    "  --temperature X        (10)\n"
    "  --augment auto|none|noflip   (auto)\n"
    "  --variants N           augmented variants kept a sample   (8)\n"
    "  --views N              views of a picture whose mean features are classified, 1 to 6   (1)\n"
    "  --seed N               (0)\n"
    "  --arena BYTES          an arena of exactly so many; default: more each time the engine asks\n"
    "  -o FILE                the patch\n"
    "  --json                 the report as JSON\n";

const char *const METHODS[] = { "tinytrain", "lastlayer", "fulltrain", "biasonly", "none", "deeptrain", "thintrain", NULL };
static const char *const CRITERIA[] = { "tinytrain", "fisher", "l2", "random", "depth", NULL };
const char *const OPTIMIZERS[] = { "sgd", "momentum", "adam", "lomo", NULL };
static const char *const AUGMENTS[] = { "auto", "none", "noflip", NULL };

enum { WASM = 1, MODEL, SUPPORT, PATCH, QUERIES, METHOD, CRITERION, MEMORY, COMPUTE, RAM, ITERATIONS, OPTIMIZER, LR, TEMPERATURE,
       AUGMENT, VARIANTS, VIEWS, SEED, ARENA, JSON, HELP, OUT = 'o' };

static const struct option OPTIONS[] = {
    { "wasm", required_argument, NULL, WASM },
    { "model", required_argument, NULL, MODEL },
    { "support", required_argument, NULL, SUPPORT },
    { "patch", required_argument, NULL, PATCH },
    { "queries", required_argument, NULL, QUERIES },
    { "method", required_argument, NULL, METHOD },
    { "criterion", required_argument, NULL, CRITERION },
    { "memory", required_argument, NULL, MEMORY },
    { "compute", required_argument, NULL, COMPUTE },
    { "ram", required_argument, NULL, RAM },
    { "iterations", required_argument, NULL, ITERATIONS },
    { "optimizer", required_argument, NULL, OPTIMIZER },
    { "lr", required_argument, NULL, LR },
    { "temperature", required_argument, NULL, TEMPERATURE },
    { "augment", required_argument, NULL, AUGMENT },
    { "variants", required_argument, NULL, VARIANTS },
    { "views", required_argument, NULL, VIEWS },
    { "seed", required_argument, NULL, SEED },
    { "arena", required_argument, NULL, ARENA },
    { "json", no_argument, NULL, JSON },
    { "help", no_argument, NULL, HELP },
    { 0 },
};

/* Ends the program with one line and the status of wrong usage. */
static _Noreturn __attribute__((format(printf, 1, 2))) void refuse(const char *form, ...)
{
    va_list arguments;
    va_start(arguments, form);
    fputs("tinytrain-wamr: ", stderr);
    vfprintf(stderr, form, arguments);
    fputs("; --help lists the options\n", stderr);
    va_end(arguments);
    exit(2);
}

static int one_of(const char *name, const char *value, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(value, words[i]) == 0)
            return i;
    refuse("--%s: '%s' is none of its values", name, value);
}

static uint32_t integer(const char *name, const char *value, uint32_t least, uint32_t most)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    if (errno || !isdigit((unsigned char)*value) || *end || n < least || n > most)
        refuse("--%s must be an integer from %" PRIu32 " to %" PRIu32 ", got '%s'", name, least, most, value);
    return (uint32_t)n;
}

static float positive(const char *name, const char *value)
{
    char *end;
    float n = (float)strtod(value, &end);
    if (end == value || *end || !isfinite(n) || !(n > 0))
        refuse("--%s must be a number above 0, got '%s'", name, value);
    return n;
}

/* Bytes, as a number or with K, M or G (1024) and perhaps B behind it. */
static uint32_t bytes_of(const char *name, const char *value)
{
    static const char UNITS[] = "kmg";
    char *end = "?";
    double n = isdigit((unsigned char)*value) ? strtod(value, &end) : 0;
    const char *unit = *end ? strchr(UNITS, tolower((unsigned char)*end)) : NULL;
    if (unit) {
        n = ldexp(n, 10 * (int)(unit - UNITS + 1));
        end++;
    }
    end += *end == 'i' || *end == 'I';
    end += *end == 'b' || *end == 'B';
    if (*end || !(n >= 1))
        refuse("--%s must be bytes, or text such as 256KB or 1MB, got '%s'", name, value);
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* A share of the full backward pass (15%, 0.15) or MACs. */
static void compute_of(const char *value, struct tt_options *o)
{
    char *end;
    double n = strtod(value, &end);
    bool percent = *end == '%';
    if (end == value || end[percent] || !(n > 0) || isinf(n) || (percent && n > 100))
        refuse("--compute must be a share of the full backward pass (15%%) or MACs above 1, got '%s'", value);
    o->share = percent ? n / 100 : n <= 1 ? n : 0;
    o->macs = o->share > 0 ? 0 : floor(n);
}

static void set(struct arguments *a, int which, const char *name, const char *value)
{
    struct tt_options *o = &a->options;
    switch (which) {
    case WASM: a->wasm = value; break;
    case MODEL: a->model = value; break;
    case SUPPORT: a->support = value; break;
    case PATCH: a->patch = value; break;
    case QUERIES: a->queries = value; break;
    case OUT: a->out = value; break;
    case METHOD: o->method = (enum tt_method)one_of(name, value, METHODS); break;
    case CRITERION:
        o->criterion = one_of(name, value, CRITERIA);
        if (o->criterion == TT_CRITERION_L2)
            refuse("--criterion l2 reads all weights, and here they are outside of the memory: choose another one");
        break;
    case OPTIMIZER: o->optimizer = one_of(name, value, OPTIMIZERS); break;
    case AUGMENT: o->augment = (enum tt_augment)one_of(name, value, AUGMENTS); break;
    case MEMORY: o->memory = bytes_of(name, value); break;
    case COMPUTE: compute_of(value, o); break;
    case RAM: a->ram = bytes_of(name, value); break;
    case ARENA: a->arena = bytes_of(name, value); break;
    case ITERATIONS: o->iterations = (int32_t)integer(name, value, 0, 1000000); break;
    case VARIANTS: o->variants = (int32_t)integer(name, value, 0, 1000); break;
    case VIEWS: o->views = (int32_t)integer(name, value, 1, TT_MAX_VIEWS); break;
    case SEED: o->seed = integer(name, value, 0, UINT32_MAX); break;
    case LR: o->lr = positive(name, value); break;
    case TEMPERATURE: o->temperature = positive(name, value); break;
    case JSON: a->json = true; break;
    case HELP: fputs(USAGE, stdout); exit(0);
    }
}

struct arguments parse_arguments(int argc, char **argv)
{
    struct arguments a = { .options = tt_defaults() };
    int which, index = 0;
    opterr = 0;
    while ((which = getopt_long(argc, argv, ":o:", OPTIONS, &index)) != -1) {
        const char *given = argv[optind - 1];
        if (which == '?')
            refuse("unknown option '%s'", given);
        if (which == ':')
            refuse("%s needs a value", given);
        set(&a, which, which == OUT ? "o" : OPTIONS[index].name, optarg);
    }
    if (optind < argc)
        refuse("'%s' is no option", argv[optind]);
    if (!a.wasm || !a.model)
        refuse("--wasm and --model are needed");
    if (!a.support == !a.patch)
        refuse("give either --support, to adapt, or --patch, to classify with a saved patch");
    if (a.support ? !a.out && !a.queries : !a.queries)
        refuse(a.support ? "-o or --queries is needed" : "--patch needs --queries");
    if (a.patch && a.out)
        refuse("-o goes with --support");
    if (a.patch && a.options.views > 1)
        refuse("--views goes with --support: a patch says by how many views it classifies");
    const bool ordered = a.options.criterion >= 0 && a.options.criterion != TT_CRITERION_DEPTH;
    if (a.options.method == TT_THINTRAIN && ordered)
        refuse("--method thintrain takes the last layers first: leave --criterion out");
    if (a.ram && a.arena)
        refuse("--ram and --arena exclude each other");
    return a;
}

/*
 * tinytrain-wamr: adapts a model to labelled samples, with the engine under WAMR, and writes the patch. It makes the
 * calls that src/choose.ts and src/tinytrain.ts make, so its patch equals that of the scalar binary in Node.
 */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tinytrain_host.h"

static const char USAGE[] =
    "tinytrain-wamr --wasm build/tinytrain.wasm --model M.ttm --support DIR -o OUT.ttd [options]\n"
    "\n"
    "DIR has one folder a class, with one file of raw float32 (NHWC, preprocessed, little-endian) a sample: *.f32\n"
    "\n"
    "  --method tinytrain|lastlayer|fulltrain|biasonly|none   (tinytrain)\n"
    "  --criterion tinytrain|fisher|l2|random                 (tinytrain)\n"
    "  --memory BYTES         budget of backward memory; 256KB, 1MB are understood   (1MB)\n"
    "  --compute MACS         budget of a backward pass: MACs, or a share such as 15%   (15%)\n"
    "  --iterations N         (40)\n"
    "  --optimizer adam|momentum|sgd   (that of the method)\n"
    "  --lr X                 (that of the method)\n"
    "  --temperature X        (10)\n"
    "  --augment auto|none|noflip   (auto)\n"
    "  --variants N           augmented variants kept a sample   (8)\n"
    "  --seed N               (0)\n"
    "  --arena BYTES          exactly so many; default: plenty, and more if the engine asks\n"
    "  -o FILE                the patch\n"
    "  --json                 the report as JSON\n";

enum method { TINYTRAIN, LASTLAYER, FULLTRAIN, BIASONLY, NONE };
enum augment { AUTO, PLAIN, NOFLIP };

static const char *const METHODS[] = { "tinytrain", "lastlayer", "fulltrain", "biasonly", "none", NULL };
static const char *const CRITERIA[] = { "tinytrain", "fisher", "l2", "random", NULL };
static const char *const OPTIMIZERS[] = { "sgd", "momentum", "adam", NULL };
static const char *const AUGMENTS[] = { "auto", "none", "noflip", NULL };

/* Optimiser and learning rate of each method, as src/defaults.ts has them. */
static const struct {
    int optimizer;
    double lr;
} TRAINING[] = { { 1, 2e-2 }, { 2, 1e-2 }, { 2, 3e-4 }, { 2, 1e-3 }, { 1, 3e-3 } };

/* Bits of the control block's `augment`. */
enum { AUGMENT_ON = 1, AUGMENT_FLIP = 2 };
/* Share of the samples that may leave their class when mirrored, for mirroring to be allowed. */
static const double MIRROR_LOSS = 0.05;
/* An arena of this much more than the model is tried first; Linux gives pages only as they are touched. */
#define PLENTY (16u << 20)

struct options {
    const char *wasm, *model, *support, *out;
    int method, criterion, optimizer, augment;
    uint32_t memory, seed, arena;
    double compute, share, lr, temperature;
    int32_t iterations, variants;
    bool json;
};

/* The support set: samples class after class. */
struct task {
    char **classes;
    int32_t ways;
    float **tensors;
    uint16_t *labels;
    int32_t samples;
    uint32_t tensor_bytes;
    char *names; /* each with a zero byte behind it */
    uint32_t name_bytes;
};

/* What a run tells. */
struct figures {
    bool flip;
    double compute, fisher_ms, train_ms;
    float *loss;
    int32_t iterations;
    uint32_t patch_bytes;
    uint64_t linear_bytes;
    size_t kept_bytes;
    size_t module_bytes;
};

/* Ends the program with one line. */
static _Noreturn void die(const char *form, ...)
{
    va_list arguments;
    va_start(arguments, form);
    fputs("tinytrain-wamr: ", stderr);
    vfprintf(stderr, form, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* realloc that does not fail. */
static void *grow(void *old, size_t bytes)
{
    void *block = realloc(old, bytes ? bytes : 1);
    if (!block)
        die("not enough memory on this machine");
    return block;
}

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Bytes of a file. */
static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (!file || fstat(fileno(file), &info) != 0)
        die("%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        die("%s: not a file", path);
    *size = (size_t)info.st_size;
    uint8_t *bytes = grow(NULL, *size);
    if (fread(bytes, 1, *size, file) != *size)
        die("%s: cannot be read", path);
    fclose(file);
    return bytes;
}

static uint32_t u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* ---- options ---- */

static int one_of(const char *name, const char *value, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(value, words[i]) == 0)
            return i;
    die("%s: '%s' is none of its values; --help lists them", name, value);
}

static uint32_t integer(const char *name, const char *value, uint32_t most)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    if (errno || !isdigit((unsigned char)*value) || *end || n > most)
        die("%s must be an integer from 0 to %" PRIu32 ", got '%s'", name, most, value);
    return (uint32_t)n;
}

static double positive(const char *name, const char *value)
{
    char *end;
    double n = strtod(value, &end);
    if (end == value || *end || !isfinite((float)n) || !((float)n > 0))
        die("%s must be a number above 0, got '%s'", name, value);
    return n;
}

/* Bytes, as a number or with K, M or G (1024) and perhaps B behind it. */
static uint32_t bytes_of(const char *name, const char *value)
{
    char *end;
    double n = isdigit((unsigned char)*value) ? strtod(value, &end) : 0;
    if (!(n > 0))
        die("%s must be bytes, or text such as 256KB or 1MB, got '%s'", name, value);
    for (const char *unit = "kmg"; *end && *unit; unit++) {
        n *= 1024;
        if (tolower((unsigned char)*end) == *unit) {
            end++;
            break;
        }
    }
    if (*end == 'i' || *end == 'I')
        end++;
    if (*end == 'b' || *end == 'B')
        end++;
    n = floor(n);
    if (*end || n < 1)
        die("%s must be bytes, or text such as 256KB or 1MB, got '%s'", name, value);
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* A share of the full backward pass (15%, 0.15) or MACs. */
static void compute_of(const char *value, struct options *o)
{
    char *end;
    double n = strtod(value, &end);
    bool percent = *end == '%';
    if (end == value || end[percent] || !(n > 0) || isinf(n) || (percent && n > 100))
        die("--compute must be a share of the full backward pass (15%%) or MACs above 1, got '%s'", value);
    o->share = percent ? n / 100 : n <= 1 ? n : 0;
    o->compute = o->share > 0 ? 0 : floor(n);
}

static struct options parse(int argc, char **argv)
{
    struct options o = { .memory = 1 << 20, .share = 0.15, .temperature = 10, .iterations = 40, .variants = 8 };
    o.optimizer = -1;
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--help") == 0) {
            fputs(USAGE, stdout);
            exit(0);
        }
        if (strcmp(name, "--json") == 0) {
            o.json = true;
            continue;
        }
        const char *value = i + 1 < argc ? argv[++i] : NULL;
#define IS(option) (strcmp(name, option) == 0 && (value || (die("%s needs a value", name), 0)))
        if (IS("--wasm")) o.wasm = value;
        else if (IS("--model")) o.model = value;
        else if (IS("--support")) o.support = value;
        else if (IS("-o")) o.out = value;
        else if (IS("--method")) o.method = one_of(name, value, METHODS);
        else if (IS("--criterion")) o.criterion = one_of(name, value, CRITERIA);
        else if (IS("--optimizer")) o.optimizer = one_of(name, value, OPTIMIZERS);
        else if (IS("--augment")) o.augment = one_of(name, value, AUGMENTS);
        else if (IS("--memory")) o.memory = bytes_of(name, value);
        else if (IS("--arena")) o.arena = bytes_of(name, value);
        else if (IS("--compute")) compute_of(value, &o);
        else if (IS("--iterations")) o.iterations = (int32_t)integer(name, value, 1000000);
        else if (IS("--variants")) o.variants = (int32_t)integer(name, value, 1000);
        else if (IS("--seed")) o.seed = integer(name, value, UINT32_MAX);
        else if (IS("--lr")) o.lr = positive(name, value);
        else if (IS("--temperature")) o.temperature = positive(name, value);
        else die("unknown option '%s'; --help lists them", name);
#undef IS
    }
    if (!o.wasm || !o.model || !o.support || !o.out)
        die("--wasm, --model, --support and -o are needed; --help says more");
    if (o.optimizer < 0)
        o.optimizer = TRAINING[o.method].optimizer;
    if (o.lr == 0)
        o.lr = TRAINING[o.method].lr;
    return o;
}

/* ---- the support set ---- */

/* Compares names as src/node/natural.ts does: '2' before '10'. */
static int natural(const void *left, const void *right)
{
    const char *a = *(char *const *)left, *b = *(char *const *)right;
    const char *p = a, *q = b;
    bool inside = false; /* a run of characters that are no digits */
    while (*p && *q) {
        bool left_digit = isdigit((unsigned char)*p), right_digit = isdigit((unsigned char)*q);
        if (left_digit && right_digit) {
            inside = false;
            p += strspn(p, "0");
            q += strspn(q, "0");
            size_t m = strspn(p, "0123456789"), n = strspn(q, "0123456789");
            int order = m != n ? (m < n ? -1 : 1) : strncmp(p, q, m);
            if (order)
                return order;
            p += m;
            q += n;
        } else if (inside && left_digit != right_digit) {
            /* The run ends in one name and goes on in the other. */
            return left_digit ? -1 : 1;
        } else if (*p != *q) {
            return (unsigned char)*p < (unsigned char)*q ? -1 : 1;
        } else {
            inside = true;
            p++;
            q++;
        }
    }
    return *p ? 1 : *q ? -1 : strcmp(a, b);
}

/* Names in a folder, sorted, without those that begin with a dot; `count` of them. */
static char **list(const char *folder, int32_t *count)
{
    DIR *dir = opendir(folder);
    if (!dir)
        die("%s: %s", folder, strerror(errno));
    char **names = NULL;
    *count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        names = grow(names, (size_t)(*count + 1) * sizeof *names);
        names[*count] = strcpy(grow(NULL, strlen(entry->d_name) + 1), entry->d_name);
        ++*count;
    }
    closedir(dir);
    if (*count)
        qsort(names, (size_t)*count, sizeof *names, natural);
    return names;
}

static char *join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = grow(NULL, size);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* Reads a sample and checks its size and values. */
static float *read_tensor(const char *path, uint32_t bytes)
{
    size_t size;
    const char *end = strrchr(path, '.');
    if (!end || strcmp(end, ".f32") != 0)
        die("%s: not a .f32 file; remove it", path);
    float *values = (float *)read_file(path, &size);
    if (size != bytes)
        die("%s: a tensor for this model has %" PRIu32 " bytes, got %zu", path, bytes, size);
    for (size_t i = 0; i < size / sizeof *values; i++)
        if (!isfinite(values[i]))
            die("%s: value %zu of the tensor is not a finite number", path, i);
    return values;
}

static void add_sample(struct task *task, float *tensor, int32_t label)
{
    size_t count = (size_t)task->samples + 1;
    task->tensors = grow(task->tensors, count * sizeof *task->tensors);
    task->labels = grow(task->labels, count * sizeof *task->labels);
    task->tensors[task->samples] = tensor;
    task->labels[task->samples++] = (uint16_t)label;
}

static struct task read_task(const char *folder, uint32_t tensor_bytes)
{
    struct task task = { .tensor_bytes = tensor_bytes };
    task.classes = list(folder, &task.ways);
    if (task.ways < 2)
        die("%s: at least two classes are needed, one folder each", folder);
    if (task.ways > UINT16_MAX)
        die("%s: more than %d classes", folder, UINT16_MAX);
    for (int32_t k = 0; k < task.ways; k++) {
        int32_t count;
        char *class = join(folder, task.classes[k]);
        char **files = list(class, &count);
        if (!count)
            die("%s: a class without samples; add some or remove the folder", class);
        for (int32_t i = 0; i < count; i++) {
            char *path = join(class, files[i]);
            add_sample(&task, read_tensor(path, tensor_bytes), k);
            free(path);
            free(files[i]);
        }
        free(files);
        free(class);
        uint32_t length = (uint32_t)strlen(task.classes[k]) + 1;
        task.names = grow(task.names, task.name_bytes + length);
        memcpy(task.names + task.name_bytes, task.classes[k], length);
        task.name_bytes += length;
    }
    return task;
}

static void free_task(struct task *task)
{
    for (int32_t i = 0; i < task->samples; i++)
        free(task->tensors[i]);
    for (int32_t k = 0; k < task->ways; k++)
        free(task->classes[k]);
    free(task->tensors);
    free(task->labels);
    free(task->classes);
    free(task->names);
}

/* ---- the adaptation ---- */

struct run {
    const struct options *options;
    const struct task *task;
    struct figures *figures;
};

static const float *give_sample(void *user, int32_t index, uint32_t bytes)
{
    const struct task *task = ((struct run *)user)->task;
    return index >= 0 && index < task->samples && bytes == task->tensor_bytes ? task->tensors[index] : NULL;
}

static void note_loss(void *user, int32_t iteration, float loss)
{
    struct figures *figures = ((struct run *)user)->figures;
    (void)iteration;
    figures->loss = grow(figures->loss, (size_t)(figures->iterations + 1) * sizeof *figures->loss);
    figures->loss[figures->iterations++] = loss;
}

/* Lays out a job and runs it. */
static int32_t job(struct tt_engine *engine, struct run *run, enum tt_job which)
{
    struct tt_caller caller = { give_sample, note_loss, run };
    int32_t status = tt_begin(engine, which);
    return status ? status : tt_run(engine, &caller);
}

/* Operator of a model that the engine has accepted (docs/formats.md). */
static const uint8_t *operator_at(const uint8_t *model, uint32_t index)
{
    return model + 128 + 128 * (size_t)index;
}

/* MACs of the full backward pass: every layer's weights, and the inputs of all that do not read the image. */
static double full_macs(const uint8_t *model)
{
    double sum = 0;
    for (uint32_t i = 0; i < u32(model + 16); i++) {
        const uint8_t *op = operator_at(model, i);
        double macs = (double)u32(op + 12) * u32(op + 16) * u32(op + 84);
        sum += macs * (u32(op + 68) == 0 ? 1 : 2);
    }
    return sum;
}

/* Output channels of a layer. */
static int32_t channels_of(const uint8_t *model, const struct tt_layer *layer)
{
    return (int32_t)u32(operator_at(model, (uint32_t)layer->op) + 20);
}

/* Writes the selection of a method that does not look at the samples. */
static int32_t select_method(struct tt_engine *engine, const uint8_t *model, int method)
{
    int32_t count = engine->control->layer_count;
    for (int32_t i = 0; i < count; i++) {
        const struct tt_layer *layer = tt_layer(engine, i);
        if (!layer || layer->op < 0 || (uint32_t)layer->op >= u32(model + 16))
            return TT_ADDRESS;
        enum tt_kind kind = method == FULLTRAIN || (method == LASTLAYER && i == count - 1) ? TT_WEIGHTS
                            : method == BIASONLY                                           ? TT_BIAS
                                                                                           : TT_FROZEN;
        int32_t status = tt_select_layer(engine, i, kind, channels_of(model, layer));
        if (status)
            return status;
    }
    return TT_DONE;
}

/* Whether mirrored samples stay in their class. */
static int32_t probe(struct tt_engine *engine, struct run *run)
{
    int32_t status = job(engine, run, TT_JOB_PROBE);
    int32_t lost = engine->control->probe_plain - engine->control->probe_mirrored;
    run->figures->flip = lost <= MIRROR_LOSS * run->task->samples;
    return status;
}

/* Opens the model, sets the options, and selects: what src/choose.ts does. */
static int32_t choose(struct tt_engine *engine, struct run *run, const uint8_t *model, uint32_t bytes)
{
    const struct options *o = run->options;
    const struct task *task = run->task;
    struct tt_control *c = engine->control;
    int32_t status = tt_open(engine, model, bytes);
    if (!status)
        status = tt_task(engine, task->labels, task->samples, task->ways);
    if (status)
        return status;
    bool dynamic = o->method == TINYTRAIN;
    c->iterations = o->iterations;
    c->optimizer = o->optimizer;
    c->lr = (float)o->lr;
    c->temperature = (float)o->temperature;
    c->seed = o->seed;
    c->variants = o->variants;
    c->memory_budget = dynamic ? o->memory : UINT32_MAX;
    c->compute_budget = o->share > 0 ? floor(o->share * full_macs(model)) : o->compute;
    run->figures->compute = c->compute_budget;
    if (o->method != NONE && o->augment == AUTO)
        status = probe(engine, run);
    if (status)
        return status;
    c->augment = o->augment == PLAIN ? 0u : AUGMENT_ON | (run->figures->flip ? AUGMENT_FLIP : 0u);
    if (!dynamic)
        return select_method(engine, model, o->method);
    status = job(engine, run, TT_JOB_FISHER);
    if (status)
        return status;
    c->criterion = o->criterion;
    status = tt_score(engine);
    return status ? status : tt_select(engine);
}

/* Selects, trains and makes the patch. */
static int32_t adapt(struct tt_engine *engine, struct run *run, const uint8_t *model, uint32_t bytes, const uint8_t **patch)
{
    double begun = milliseconds();
    int32_t status = choose(engine, run, model, bytes);
    /* Better to find out now than after training. */
    if (!status)
        status = tt_patch_fits(engine, run->task->name_bytes);
    double trains = milliseconds();
    run->figures->fisher_ms = trains - begun;
    if (!status)
        status = job(engine, run, TT_JOB_TRAIN);
    if (!status)
        status = tt_patch(engine, run->task->names, run->task->name_bytes, patch, &run->figures->patch_bytes);
    run->figures->train_ms = milliseconds() - trains;
    run->figures->linear_bytes = tt_linear_bytes(engine);
    run->figures->kept_bytes = engine->kept_peak;
    return status;
}

/* ---- the report ---- */

static void report_json(struct tt_engine *engine, const struct figures *f, const struct run *run)
{
    const struct tt_control *c = engine->control;
    printf("{\"method\": \"%s\", \"ways\": %" PRId32 ", \"samples\": %" PRId32 ",\n", METHODS[run->options->method],
           run->task->ways, run->task->samples);
    printf(" \"budgets\": {\"memoryBytes\": %" PRIu32 ", \"backwardMacs\": %.0f},\n", run->options->memory, f->compute);
    printf(" \"memory\": {\"backwardBytes\": %" PRIu32 ", \"peakBytes\": %" PRIu32 ", \"arenaNeeded\": %" PRIu32
           ", \"linearBytes\": %" PRIu64 ", \"keptBytes\": %zu, \"moduleBytes\": %zu, \"runtimeBytes\": %zu},\n",
           c->backward_bytes, c->peak_bytes, c->peak_bytes - engine->arena, f->linear_bytes, f->kept_bytes,
           f->module_bytes, tt_runtime_bytes().peak);
    printf(" \"macs\": {\"backward\": %.0f},\n \"augment\": {\"flip\": %s, \"crop\": %s},\n", c->backward_macs,
           f->flip ? "true" : "false", c->augment & AUGMENT_ON ? "true" : "false");
    printf(" \"layers\": [");
    for (int32_t i = 0; i < c->layer_count; i++) {
        const struct tt_layer *layer = tt_layer(engine, i);
        printf("%s{\"kind\": %" PRId32 ", \"channels\": %" PRId32 "}", i ? ", " : "", layer->kind,
               layer->kind == TT_WEIGHTS ? layer->count : 0);
    }
    printf("],\n \"loss\": [");
    for (int32_t i = 0; i < f->iterations; i++)
        printf("%s%.9g", i ? ", " : "", (double)f->loss[i]);
    printf("],\n \"time\": {\"fisherMs\": %.1f, \"trainMs\": %.1f},\n \"patch\": {\"bytes\": %" PRIu32 "}}\n", f->fisher_ms,
           f->train_ms, f->patch_bytes);
}

static void report_text(struct tt_engine *engine, const struct figures *f, const struct run *run)
{
    const struct tt_control *c = engine->control;
    printf("%s: %" PRId32 " classes, %" PRId32 " samples\n", METHODS[run->options->method], run->task->ways,
           run->task->samples);
    if (f->iterations)
        printf("loss %.4f -> %.4f in %" PRId32 " iterations\n", (double)f->loss[0], (double)f->loss[f->iterations - 1],
               f->iterations);
    printf("backward memory %" PRIu32 " bytes, arena %" PRIu32 " bytes, runtime beside it %zu bytes\n", c->backward_bytes,
           c->peak_bytes - engine->arena, tt_runtime_bytes().peak);
    printf("selection %.0f ms, training %.0f ms\n", f->fisher_ms, f->train_ms);
    printf("patch %s, %" PRIu32 " bytes\n", run->options->out, f->patch_bytes);
}

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(bytes, 1, size, file) == size;
    if (file && fclose(file) != 0)
        good = false;
    if (!good)
        die("%s: %s", path, strerror(errno));
}

/* Bytes of a sample of a model; the engine checks all of its header later. */
static uint32_t tensor_bytes(const char *path, const uint8_t *model, size_t size)
{
    if (size > UINT32_MAX || size < 256 || memcmp(model, "TTM1", 4) != 0)
        die("%s: not a .ttm model", path);
    double values = (double)u32(model + 40) * u32(model + 44) * u32(model + 48);
    if (values < 1 || values > (double)(1u << 28))
        die("%s: not a usable .ttm model: its header is out of range", path);
    return (uint32_t)values * (uint32_t)sizeof(float);
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    size_t wasm_size, model_size;
    uint8_t *wasm = read_file(options.wasm, &wasm_size);
    uint8_t *model = read_file(options.model, &model_size);
    struct task task = read_task(options.support, tensor_bytes(options.model, model, model_size));
    char text[160];
    if (wasm_size > UINT32_MAX || !tt_runtime_start())
        die("WAMR does not start");
    wasm_module_t module = wasm_runtime_load(wasm, (uint32_t)wasm_size, text, sizeof text);
    if (!module)
        die("%s: %s", options.wasm, text);
    size_t module_bytes = tt_runtime_bytes().now;
    struct figures figures = { .module_bytes = module_bytes };
    struct run run = { &options, &task, &figures };
    struct tt_engine engine;
    const uint8_t *patch = NULL;
    int32_t status;
    uint32_t arena = options.arena ? options.arena : (uint32_t)model_size + PLENTY;
    for (;;) {
        status = tt_create(&engine, module, arena);
        if (!status)
            status = adapt(&engine, &run, model, (uint32_t)model_size, &patch);
        /* Memory of an instance cannot grow under WAMR without whole pages: another one begins from the start. */
        if (status != TT_NEED_MEMORY || options.arena || engine.control->need_bytes <= arena)
            break;
        arena = engine.control->need_bytes;
        tt_destroy(&engine);
        free(figures.loss);
        figures = (struct figures){ .module_bytes = module_bytes };
    }
    if (status) {
        tt_message(&engine, status, text, sizeof text);
        die("%s", text);
    }
    write_file(options.out, patch, figures.patch_bytes);
    (options.json ? report_json : report_text)(&engine, &figures, &run);
    tt_destroy(&engine);
    wasm_runtime_unload(module);
    wasm_runtime_destroy();
    free(figures.loss);
    free_task(&task);
    free(model);
    free(wasm);
    return 0;
}

/* The command line of tinytrain-wamr. */
#ifndef TINYTRAIN_ARGUMENTS_H
#define TINYTRAIN_ARGUMENTS_H

#include <stdbool.h>

#include "../adapt.h"

struct arguments {
    const char *wasm, *model;
    const char *support; /* adapt to this folder, or NULL */
    const char *out;     /* where the patch goes, or NULL */
    const char *patch;   /* classify with this patch, or NULL */
    const char *queries; /* classify this folder, or NULL */
    struct tt_options options;
    uint32_t ram;   /* limit of linear memory; 0: none */
    uint32_t arena; /* bytes; 0: as many as the engine asks for */
    bool json;
};

/* Words of the options, in the order of the enums in adapt.h; NULL at the end. */
extern const char *const METHODS[], *const OPTIMIZERS[];

/* Reads the command line; ends the program if it is wrong (status 2), or after --help. */
struct arguments parse_arguments(int argc, char **argv);

#endif

/* Semihosting: calls that an emulator or a debugger answers. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stddef.h>

/* Writes a text that ends in zero to the console, without stdio: for faults. */
void semihosting_write_line(const char *text);

/* Ends the emulator with a status. */
_Noreturn void semihosting_exit(int status);

#endif

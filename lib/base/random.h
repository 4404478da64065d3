/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random numbers from the kernel (getrandom). Each thread has its own pool. */
#ifndef LIB_BASE_RANDOM_H
#define LIB_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t len);
/* 0 <= result < limit; limit > 0. */
uint64_t random_below(uint64_t limit);
/* `len` letters and digits and a NUL: ids of stanzas and streams, 5 bits each. `out` holds len + 1. */
void random_id(char *out, size_t len);
/* Milliseconds for try number `attempt` (0, 1, ...): base doubled each time up to `cap`, then spread by +-25 %. */
uint64_t backoff_ms(unsigned attempt, uint64_t base_ms, uint64_t cap_ms);

#endif

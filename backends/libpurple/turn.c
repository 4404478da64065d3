/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/turn.h"

static uint64_t current;

uint64_t turn_owner(void)
{
	return current;
}

uint64_t turn_take(uint64_t owner)
{
	uint64_t before = current;
	current = owner;
	return before;
}

void turn_give_back(uint64_t owner)
{
	current = owner;
}

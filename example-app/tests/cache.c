/*
 * Random calls of the cache's whole interface, with small limits, for a sanitizer to watch.
 * What the cache should answer is tested from Rust; here it only must not err.
 */
#include "lru.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 1;

static uint32_t below(uint32_t limit)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % limit;
}

/* A copy of exactly its size, so that reading one byte too many is noticed. */
static struct slice copy(const char *text)
{
	size_t len = strlen(text);
	char *data = malloc(len ? len : 1);

	memcpy(data, text, len);
	return (struct slice){ data, len };
}

static struct slice random_key(void)
{
	char text[40];

	snprintf(text, sizeof(text), "%.*s%u", (int)below(20), "a-key-of-some-length", below(60));
	return copy(below(50) ? text : "");
}

static struct slice random_value(void)
{
	static const char *const edges[] = {
		"", "-", "0", "-0", "9223372036854775807", "-9223372036854775808",
		"9223372036854775808", "12345678901234567890123", "123456789012345678901234",
	};
	char text[200];

	memset(text, 'v', sizeof(text));
	text[below(sizeof(text))] = 0;
	text[sizeof(text) - 1] = 0;
	return copy(below(2) ? text : edges[below(sizeof(edges) / sizeof(*edges))]);
}

/* Reads all of an entry. */
static void look_at(const struct entry *entry)
{
	char room[NUMBER_TEXT];
	struct slice text;
	unsigned char sum = 0;
	int64_t number;

	if (!entry)
		return;
	text = entry_text(entry, room);
	for (size_t i = 0; i < text.len; i++)
		sum += (unsigned char)text.data[i];
	if (sum == 0 && text.len > 200)
		abort();
	entry_number(entry, &number);
}

static void one_call(struct cache *cache, uint64_t now_ms)
{
	struct slice key = random_key(), value = random_value();
	struct entry *entry;
	int64_t number;

	switch (below(5)) {
	case 0:
		look_at(cache_find(cache, key));
		break;
	case 1:
		look_at(cache_get(cache, key));
		break;
	case 2:
		look_at(cache_set(cache, key, value, below(3) ? 0 : now_ms + below(100)));
		break;
	case 3:
		entry = cache_find(cache, key);
		if (entry && entry_number(entry, &number))
			cache_set_number(cache, entry, (int64_t)state);
		break;
	case 4:
		cache_delete(cache, key);
		break;
	}
	free((void *)key.data);
	free((void *)value.data);
}

int main(void)
{
	for (uint32_t run = 0; run < 200; run++) {
		struct cache *cache = cache_new(below(40), below(4000), run);

		for (uint64_t step = 0; step < 1000; step++) {
			cache_set_time(cache, step);
			one_call(cache, step);
			if (below(100) == 0)
				cache_sweep(cache, below(100));
			if (cache_entries(cache) == 0 && cache_bytes(cache) != 0)
				abort();
		}
		cache_free(cache);
	}
	cache_free(NULL);
	puts("done");
	return 0;
}

/*
 * Random calls of the cache's whole interface, with small limits, for a sanitizer to watch.
 * What the cache should answer is tested from Rust; here it only must not err.
 */
#include "request.h"

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

static void one_call(struct cache *cache, struct client *client)
{
	struct slice args[3] = { random_key(), random_value(), random_key() };
	struct call call = {
		.command = (enum command)below(COMMANDS),
		.condition = (enum condition)below(3),
		.ttl_ms = below(3) ? 0 : below(100),
		.args = args,
		.args_len = below(4),
		.rejected = below(20) == 0,
	};
	struct reply reply = request_run(cache, client, &call);
	unsigned char sum = 0;

	for (size_t i = 0; i < reply.text.len; i++)
		sum += (unsigned char)reply.text.data[i];
	if (sum == 0 && reply.text.len > 200)
		abort();
	for (int i = 0; i < 3; i++)
		free((void *)args[i].data);
}

int main(void)
{
	for (uint32_t run = 0; run < 200; run++) {
		struct cache *cache = cache_new(below(40), below(4000), run);
		struct slice address = copy(below(2) ? "127.0.0.1" : "an address that is much longer than the longest address");
		struct client *client = client_new(run, address, 1);

		for (uint64_t step = 0; step < 1000; step++) {
			cache_set_time(cache, step);
			one_call(cache, client);
			if (below(100) == 0)
				cache_sweep(cache, below(100));
			if (below(100) == 0) {
				struct slice name = random_key();

				client_rename(client, name);
				free((void *)name.data);
			}
			if (cache_entries(cache) == 0 && cache_bytes(cache) != 0)
				abort();
		}
		free((void *)address.data);
		client_free(client);
		cache_free(cache);
	}
	cache_free(NULL);
	client_free(NULL);
	puts("done");
	return 0;
}

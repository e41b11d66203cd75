#include "lru.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More would be a table of gigabytes; chains grow instead. */
#define MAX_BUCKETS (1u << 24)

/* FNV-1a, started from the seed, with the end of murmur3 to spread it over the low bits. */
static uint32_t hash_key(const struct cache *cache, struct slice key)
{
	uint32_t hash = 2166136261u ^ cache->seed;

	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.data[i]) * 16777619u;
	hash = (hash ^ (hash >> 16)) * 0x85ebca6bu;
	hash = (hash ^ (hash >> 13)) * 0xc2b2ae35u;
	return hash ^ (hash >> 16);
}

static size_t entry_bytes(const struct entry *entry)
{
	size_t text = entry->value.encoding == ENCODING_TEXT ? entry->value.len : 0;

	return sizeof(*entry) + entry->key_len + text;
}

struct cache *cache_new(uint32_t max_entries, size_t max_bytes, uint32_t seed)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	uint32_t buckets = 1;

	if (!cache)
		return NULL;
	while (buckets < max_entries && buckets < MAX_BUCKETS)
		buckets *= 2;
	cache->table.buckets = calloc(buckets, sizeof(struct bucket));
	if (!cache->table.buckets) {
		free(cache);
		return NULL;
	}
	cache->table.mask = buckets - 1;
	cache->limit.entries = max_entries ? max_entries : 1;
	cache->limit.bytes = max_bytes;
	cache->seed = seed;
	return cache;
}

void cache_set_time(struct cache *cache, uint64_t now_ms)
{
	cache->now_ms = now_ms;
}

uint32_t cache_entries(const struct cache *cache)
{
	return cache->table.used;
}

size_t cache_bytes(const struct cache *cache)
{
	return cache->bytes;
}

struct stats cache_stats(const struct cache *cache)
{
	return cache->stats;
}

static void lru_unlink(struct cache *cache, struct entry *entry)
{
	if (entry->lru.newer)
		entry->lru.newer->lru.older = entry->lru.older;
	else
		cache->lru.newest = entry->lru.older;
	if (entry->lru.older)
		entry->lru.older->lru.newer = entry->lru.newer;
	else
		cache->lru.oldest = entry->lru.newer;
}

static void lru_push(struct cache *cache, struct entry *entry)
{
	entry->lru.newer = NULL;
	entry->lru.older = cache->lru.newest;
	if (cache->lru.newest)
		cache->lru.newest->lru.newer = entry;
	else
		cache->lru.oldest = entry;
	cache->lru.newest = entry;
}

static struct bucket *bucket_of(struct cache *cache, uint32_t hash)
{
	return &cache->table.buckets[hash & cache->table.mask];
}

static void value_clear(struct value *value)
{
	if (value->encoding == ENCODING_TEXT)
		free(value->text);
}

/* Takes the entry that `link` leads to out of everything and frees it. */
static void entry_drop(struct cache *cache, struct entry **link)
{
	struct entry *entry = *link;

	*link = entry->chain;
	lru_unlink(cache, entry);
	cache->table.used--;
	cache->bytes -= entry_bytes(entry);
	value_clear(&entry->value);
	free(entry);
}

static void evict_oldest(struct cache *cache)
{
	struct entry *oldest = cache->lru.oldest;
	struct entry **link = &bucket_of(cache, oldest->hash)->first;

	while (*link != oldest)
		link = &(*link)->chain;
	entry_drop(cache, link);
	cache->stats.evicted++;
}

static bool expired(const struct cache *cache, const struct entry *entry)
{
	return entry->expires_ms && entry->expires_ms <= cache->now_ms;
}

struct entry *cache_find(struct cache *cache, struct slice key)
{
	uint32_t hash = hash_key(cache, key);
	struct bucket *bucket = bucket_of(cache, hash);

	for (struct entry **link = &bucket->first; *link; link = &(*link)->chain) {
		struct entry *entry = *link;

		if (entry->hash != hash || entry->key_len != key.len ||
		    memcmp(entry->key, key.data, key.len))
			continue;
		if (expired(cache, entry)) {
			entry_drop(cache, link);
			cache->stats.expired++;
			return NULL;
		}
		*link = entry->chain;
		entry->chain = bucket->first;
		bucket->first = entry;
		return entry;
	}
	return NULL;
}

static void entry_use(struct cache *cache, struct entry *entry)
{
	lru_unlink(cache, entry);
	lru_push(cache, entry);
}

struct entry *cache_get(struct cache *cache, struct slice key)
{
	struct entry *entry = cache_find(cache, key);

	if (!entry) {
		cache->stats.misses++;
		return NULL;
	}
	cache->stats.hits++;
	entry->value.hits++;
	entry_use(cache, entry);
	return entry;
}

static uint32_t number_len(int64_t number)
{
	char room[NUMBER_TEXT];

	return (uint32_t)snprintf(room, sizeof(room), "%lld", (long long)number);
}

/* Only text that the number is written as again counts: not "007", "+7" or "7 ". */
static bool parse_number(struct slice text, int64_t *number)
{
	char room[NUMBER_TEXT], again[NUMBER_TEXT];
	char *end;

	if (text.len == 0 || text.len >= sizeof(room))
		return false;
	memcpy(room, text.data, text.len);
	room[text.len] = 0;
	errno = 0;
	*number = strtoll(room, &end, 10);
	if (errno || end != room + text.len)
		return false;
	snprintf(again, sizeof(again), "%lld", (long long)*number);
	return strcmp(room, again) == 0;
}

static bool value_make(struct value *value, struct slice text)
{
	int64_t number;

	*value = (struct value){ .len = (uint32_t)text.len };
	if (parse_number(text, &number)) {
		value->encoding = ENCODING_INTEGER;
		value->number = number;
		return true;
	}
	value->encoding = ENCODING_TEXT;
	value->text = malloc(text.len + 1);
	if (!value->text)
		return false;
	memcpy(value->text, text.data, text.len);
	value->text[text.len] = 0;
	return true;
}

static struct entry *entry_add(struct cache *cache, struct slice key, struct value value)
{
	struct entry *entry = malloc(sizeof(*entry) + key.len + 1);
	struct bucket *bucket;

	if (!entry)
		return NULL;
	entry->value = value;
	entry->hash = hash_key(cache, key);
	entry->key_len = (uint32_t)key.len;
	memcpy(entry->key, key.data, key.len);
	entry->key[key.len] = 0;
	bucket = bucket_of(cache, entry->hash);
	entry->chain = bucket->first;
	bucket->first = entry;
	lru_push(cache, entry);
	cache->table.used++;
	cache->bytes += entry_bytes(entry);
	return entry;
}

/* Whether the two can be one entry at all, in an empty cache. */
static bool fits(const struct cache *cache, struct slice key, struct slice text)
{
	size_t limit = cache->limit.bytes;

	if (limit > UINT32_MAX)
		limit = UINT32_MAX;
	if (limit < sizeof(struct entry))
		return false;
	limit -= sizeof(struct entry);
	return key.len <= limit && text.len <= limit - key.len;
}

struct entry *cache_set(struct cache *cache, struct slice key, struct slice text, uint64_t expires_ms)
{
	struct entry *entry;
	struct value value;

	if (!fits(cache, key, text) || !value_make(&value, text))
		return NULL;
	entry = cache_find(cache, key);
	if (entry) {
		cache->bytes -= entry_bytes(entry);
		value_clear(&entry->value);
		entry->value = value;
		cache->bytes += entry_bytes(entry);
		entry_use(cache, entry);
	} else {
		entry = entry_add(cache, key, value);
		if (!entry) {
			value_clear(&value);
			return NULL;
		}
	}
	entry->expires_ms = expires_ms;
	/* The new entry is the newest and fits alone: it stays. */
	while (cache->table.used > cache->limit.entries || cache->bytes > cache->limit.bytes)
		evict_oldest(cache);
	return entry;
}

void cache_set_number(struct cache *cache, struct entry *entry, int64_t number)
{
	entry->value.number = number;
	entry->value.len = number_len(number);
	entry_use(cache, entry);
}

bool cache_delete(struct cache *cache, struct slice key)
{
	/* What was just found stands first in its bucket. */
	if (!cache_find(cache, key))
		return false;
	entry_drop(cache, &bucket_of(cache, hash_key(cache, key))->first);
	return true;
}

void cache_sweep(struct cache *cache, uint32_t buckets)
{
	while (buckets--) {
		struct entry **link = &bucket_of(cache, cache->sweep++)->first;

		while (*link) {
			if (expired(cache, *link)) {
				entry_drop(cache, link);
				cache->stats.expired++;
			} else {
				link = &(*link)->chain;
			}
		}
	}
}

struct slice entry_text(const struct entry *entry, char room[NUMBER_TEXT])
{
	const struct value *value = &entry->value;

	if (value->encoding == ENCODING_TEXT)
		return (struct slice){ value->text, value->len };
	snprintf(room, NUMBER_TEXT, "%lld", (long long)value->number);
	return (struct slice){ room, value->len };
}

bool entry_number(const struct entry *entry, int64_t *number)
{
	if (entry->value.encoding != ENCODING_INTEGER)
		return false;
	*number = entry->value.number;
	return true;
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	while (cache->lru.oldest)
		evict_oldest(cache);
	free(cache->table.buckets);
	free(cache);
}

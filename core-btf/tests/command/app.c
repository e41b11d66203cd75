/* An application, of which -DVERSION=2 is a later version. */
#include <stdio.h>

#ifndef VERSION
#define VERSION 1
#endif

enum color { RED, GREEN = 5, BLUE };
enum wide { WIDE = 0x123456789abcull, NARROW = 1 };

struct point {
#if VERSION > 1
    char label[12];
#endif
    int x, y;
};

typedef struct { int value; union { long number; float real; }; } box_t;

struct request {
    unsigned long id;
    unsigned urgent : 1, retries : 7;
    enum color color;
    enum wide wide;
    struct point at;
    const struct point *volatile others[3];
    box_t box;
    struct request *next;
#if VERSION == 1
    int gone;
#endif
    int (*callback)(struct request *, const char *, ...);
};

static struct request request = { .id = 42 };

__attribute__((noinline)) unsigned long handle(struct request *request)
{
    return request->id + VERSION;
}

int main(void)
{
    printf("handled %lu\n", handle(&request));
    return 0;
}

/* Layouts that a printed header must reproduce. Compiled for BPF, so that clang writes the BTF. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
struct opaque;

struct plain { char c; short s; int i; long l; u8 tail; };
struct packed { char c; int i; u64 q; short s; } __attribute__((packed));
struct packed_aligned { char c; int i; } __attribute__((packed, aligned(2)));
struct aligned { int i; } __attribute__((aligned(64)));
struct member_aligned { char c; char d __attribute__((aligned(32))); int e; };
struct two_lines { int a; int b __attribute__((aligned(64))); struct aligned c; };
struct pair { int a, b; };
struct packed_pair { int a, b; } __attribute__((packed));
struct holds_packed { char c; struct packed_pair p; char d; int i; };
struct off_in_packed { char c; struct pair p; struct aligned a; } __attribute__((packed));

struct bits { int a : 3; unsigned b : 5; u64 c : 40; long d : 20; u8 e : 1; _Bool f : 1; };
struct bits_then_field { int a : 3; char c; int b : 9; short s; };
struct bits_packed { int a : 30; int b : 30; u64 c : 50; char d; } __attribute__((packed));
struct bits_gap { int a : 1; int : 5; int b : 2; int : 0; int c : 7; long : 33; int d : 1; };
struct bits_full { u32 a : 32; u64 b : 64; };
enum small { SMALL_A, SMALL_B = 200 } __attribute__((packed));
struct bits_enum { enum small a : 4; enum { IN_A, IN_B } b : 2; };

enum normal { NORMAL_A, NORMAL_B = 5, NORMAL_AGAIN = 5 };
enum negative { NEGATIVE_A = -1, NEGATIVE_B = 0x7fffffff };
enum wide { WIDE_A = 0x1ffffffffULL };
enum wide_negative { WIDE_NEGATIVE_A = -0x1ffffffffLL };
enum all_ones { ALL_ONES = 0xffffffffffffffffULL };
enum two_bytes { TWO_BYTES = 300 } __attribute__((packed));
struct enums {
	enum small a; enum normal b; enum negative c; enum wide d; enum wide_negative e;
	enum all_ones f; enum two_bytes g; enum { ANONYMOUS_A = 3 } h, i;
};

struct anonymous {
	int tag;
	union {
		struct { char x; int y; };
		u64 z;
		struct { u8 bytes[3]; } __attribute__((packed)) named;
	};
	struct { struct { struct { short deep; }; }; };
};
union mixed { int i; double d; char text[13]; struct { int : 4; int nibble : 4; }; };
union packed_union { int i; char text[5]; } __attribute__((packed));
union aligned_union { char c; } __attribute__((aligned(32)));
struct holds_unions { char c; union packed_union p; char d; union aligned_union a; };

struct flexible { int n; struct pair items[]; };
struct zero_middle { int n; long align[0]; char c; int last[0]; };
struct empty {};
struct holds_empty { struct empty e; int i; struct empty f; char c; };
struct matrix { int m[2][3]; char names[4][16]; struct pair *grid[2][2]; };

typedef int (*callback)(struct opaque *, const char *, ...);
typedef struct list list_t;
struct list { list_t *next, **prev; callback cb; };
struct functions {
	void (*nothing)(void);
	int (*(*returns)(int))[3];
	struct pair (*by_value)(struct later);
	callback table[3];
	void (*const volatile fixed)(void (*)(int, char **));
	int (*old)();
};
struct later { struct functions *f; };
struct qualified { const char *const p; volatile int v; const int ca[3]; char *restrict r; };

typedef struct { int x; } untagged_t;
typedef struct { untagged_t u; untagged_t *p; } outer_untagged_t;
struct uses_untagged { outer_untagged_t o; struct { int y; } *inner; };
struct wide_ints { __int128 a; unsigned __int128 b; char c; };
struct floats { float f; double d; };
typedef u32 vector[4];
struct typedefs { vector v; vector *p; u8 b; };
struct tagged {
	int a __attribute__((btf_decl_tag("member")));
	int __attribute__((btf_type_tag("user"))) *p;
} __attribute__((btf_decl_tag("whole")));
struct outer { struct inner { int x; } in; enum normal e; };
/* Tag, typedef and member of one name, and names that only C++ reserves. */
typedef struct same { int same; } same;
struct words { int class, new, this, bool; };

#define USE(type, name) type name
struct all {
	USE(struct plain, a0); USE(struct packed, a1); USE(struct packed_aligned, a2);
	USE(struct aligned, a3); USE(struct member_aligned, a4); USE(struct two_lines, a5);
	USE(struct holds_packed, a6); USE(struct off_in_packed, a7); USE(struct bits, a8);
	USE(struct bits_then_field, a9); USE(struct bits_packed, b0); USE(struct bits_gap, b1);
	USE(struct bits_full, b2); USE(struct bits_enum, b3); USE(struct enums, b4);
	USE(struct anonymous, b5); USE(union mixed, b6); USE(union packed_union, b7);
	USE(union aligned_union, b8); USE(struct holds_unions, b9);
	USE(struct zero_middle, c1); USE(struct empty, c2); USE(struct holds_empty, c3);
	USE(struct matrix, c4); USE(struct list, c5); USE(struct functions, c6);
	USE(struct later, c7); USE(struct qualified, c8); USE(struct uses_untagged, c9);
	USE(struct wide_ints, d0); USE(struct floats, d1); USE(struct typedefs, d2);
	USE(struct tagged, d3); USE(struct outer, d4); USE(same, d5); USE(struct words, d6);
	USE(struct flexible, last);
} all;

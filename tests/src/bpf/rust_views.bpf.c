// Reads a value of every canonical view of a Rust type, of `fixtures/rust-app`.
#include "say.h"

char LICENSE[] SEC("license") = "GPL";

static __noinline int numbers(const struct Numbers *n)
{
	__u64 u128[2] = {}, f64 = 0;

	say("i8", core_read(n, i8));
	say("u16", core_read(n, u16));
	say("i32", core_read(n, i32));
	say("u64", core_read(n, u64));
	say("usize", core_read(n, usize));
	bpf_probe_read_user(u128, sizeof(u128), &n->u128);
	say("u128.low", u128[0]);
	say("u128.high", u128[1]);
	say("bool", core_read(n, bool_));
	say("char", core_read(n, char_));
	bpf_probe_read_user(&f64, sizeof(f64), &n->f64);
	say("f64", f64);
	return 0;
}

static __noinline int pointers(const struct Pointers *p)
{
	say("reference.x", core_read(p, reference, x));
	say("reference.y", core_read(p, reference, y));
	say("boxed.x", core_read(p, boxed, x));
	say("some.x", core_read(p, some, x));
	say("none", (long)core_read_ptr(p, none));
	say("raw.y", core_read(p, raw, y));
	say("non_null.x", core_read(p, non_null, x));
	say("function", (long)core_read_ptr(p, function));
	say("no_function", (long)core_read_ptr(p, no_function));
	say("rc.strong", core_read(p, rc, strong));
	say("rc.weak", core_read(p, rc, weak));
	say("rc.x", core_read(p, rc, value.x));
	say("weak.y", core_read(p, weak, value.y));
	say("arc.x", core_read(p, arc, value.data.x));
	say("some_arc", core_read(p, some_arc, value));
	say("pin.x", core_read(p, pin, x));
	say_at("object", __u32, core_read_ptr(p, object.data));
	say("object.vtable", core_read_ptr(p, object.vtable) != NULL);
	return 0;
}

static __noinline int wrappers(const struct Wrappers *w)
{
	say("cell", core_read(w, cell));
	say("atomic_u64", core_read(w, atomic_u64));
	say("atomic_u16", core_read(w, atomic_u16));
	say("atomic_i32", core_read(w, atomic_i32));
	say("atomic_bool", core_read(w, atomic_bool));
	say("atomic_ptr.x", core_read(w, atomic_ptr, x));
	say("non_zero", core_read(w, non_zero));
	say("negative", core_read(w, negative));
	say("wrapping", core_read(w, wrapping));
	say("manually", core_read(w, manually));
	say("reverse", core_read(w, reverse));
	say("once_cell", core_read(w, once.Some.__0));
	return 0;
}

static __noinline int texts(const struct Texts *t)
{
	const struct ArcInner_str *arc = core_read_ptr(t, arc.ptr);
	const struct RcInner_slice_u16 *rc = core_read_ptr(t, rc.ptr);
	struct said *in_arc;

	say_text("str", t, str);
	say_at("slice.2", __u16, core_vec_at(t, slice, 2));
	say("slice.len", core_read(t, slice.len));
	say("slice.past", (long)core_vec_at(t, slice, 3));
	say_text("path", t, path);
	say_text("boxed_str", t, boxed);
	say_at("boxed_slice.1", __u32, core_vec_at(t, boxed_slice, 1));
	say("arc_str.strong", core_read(arc, strong));
	in_arc = ___say("arc_str", TEXT);
	in_arc->value = core_read(t, arc.len);
	bpf_probe_read_user(in_arc->text, sizeof("an arc str") - 1, arc->value);
	say("rc_slice.2", core_read_elem(rc, value, 2));
	say_text("string", t, string);
	say("string.cap", core_read(t, string.cap));
	say_text("path_buf", t, path_buf);
	say_text("os", t, os);
	say_text("c", t, c);
	say("c.len", core_read(t, c.len));
	return 0;
}

static __noinline int collections(const struct Collections *c)
{
	const struct Point *point = core_vec_at(c, vec, 1);
	const __u32 *deque = core_read_ptr(c, deque.ptr);
	__u64 head = core_read(c, deque.head), cap = core_read(c, deque.cap);

	say("vec.len", core_read(c, vec.len));
	say("vec.1.x", core_read(point, x));
	say("vec.1.y", core_read(point, y));
	say("vec.past", (long)core_vec_at(c, vec, 3));
	say("empty.len", core_read(c, empty.len));
	say("empty.cap", core_read(c, empty.cap));
	say("deque.len", core_read(c, deque.len));
	say("deque.cap", cap);
	say_at("deque.0", __u32, core_at(deque, head % cap));
	say_at("deque.2", __u32, core_at(deque, (head + 2) % cap));
	say_at("heap.first", __u16, core_vec_at(c, heap, 0));
	say("map.len", core_read(c, map.len));
	say("set.len", core_read(c, set.len));
	say("tree.len", core_read(c, tree.len));
	say("tree_set.len", core_read(c, tree_set.len));
	say("list.len", core_read(c, list.len));
	return 0;
}

static __noinline int locks(const struct Locks *l)
{
	say("mutex.x", core_read(l, mutex.data.x));
	say("mutex.lock", core_read(l, mutex.lock));
	say("locked", core_read(l, locked.data));
	say("locked.lock", core_read(l, locked.lock));
	say("rw.y", core_read(l, rw.data.y));
	say("ref_cell.x", core_read(l, cell.data.x));
	say("borrowed", core_read(l, borrowed.data));
	say("borrowed.borrow", core_read(l, borrowed.borrow));
	say("once", core_read(l, once.value));
	return 0;
}

static __noinline int times(const struct Times *t)
{
	say("duration.secs", core_read(t, duration.secs));
	say("duration.nanos", core_read(t, duration.nanos));
	if (core_variant_is(&t->some, Option_Duration, Some)) {
		say("some_duration.secs", core_read(t, some.Some.__0.secs));
		say("some_duration.nanos", core_read(t, some.Some.__0.nanos));
	}
	say_if("none_duration", &t->none, Option_Duration, None);
	say("instant.gap", core_read(t, later.secs) - core_read(t, instant.secs));
	say("instant.gap_nanos", core_read(t, later.nanos) - core_read(t, instant.nanos));
	say("system.secs", core_read(t, system.secs));
	say("system.nanos", core_read(t, system.nanos));
	return 0;
}

/* Addresses are in network order. */
#define say_octets(name, type, swap, ptr, field) ({			\
	type ___octets = 0;						\
	bpf_probe_read_user(&___octets, sizeof(___octets), (ptr)->field); \
	say(name, swap(___octets));					\
})
#define say_v4(name, ptr, field) say_octets(name, __u32, __builtin_bswap32, ptr, field)
#define say_v6(name, ptr, field) say_octets(name, __u64, __builtin_bswap64, ptr, field)

static __noinline int nets(const struct Nets *n)
{
	say_v4("v4", n, v4.octets);
	say_v6("v6.high", n, v6.octets);
	say_v6("v6.low", n, v6.octets + 8);
	say_if("ip", &n->ip, IpAddr, V4);
	if (say_if("ip", &n->ip, IpAddr, V6))
		say_v6("ip.low", n, ip.V6.__0.octets + 8);
	say_v4("socket_v4.ip", n, socket_v4.ip.octets);
	say("socket_v4.port", core_read(n, socket_v4.port));
	say("socket_v6.port", core_read(n, socket_v6.port));
	say("socket_v6.flowinfo", core_read(n, socket_v6.flowinfo));
	say("socket_v6.scope_id", core_read(n, socket_v6.scope_id));
	say_if("socket", &n->socket, SocketAddr, V6);
	if (say_if("socket", &n->socket, SocketAddr, V4))
		say("socket.port", core_read(n, socket.V4.__0.port));
	say_if("socket_six", &n->socket_six, SocketAddr, V4);
	if (say_if("socket_six", &n->socket_six, SocketAddr, V6)) {
		say("socket_six.port", core_read(n, socket_six.V6.__0.port));
		say_v6("socket_six.low", n, socket_six.V6.__0.ip.octets + 8);
	}
	say("bound.fd", core_read(n, bound.fd));
	return 0;
}

static __noinline int data(const struct Enums *e)
{
	const union Option_Result_u32_String *option = &e->nested.Nested.__0;
	const union Result_u32_String *result = &e->nested.Nested.__0.Some.__0;

	say("fieldless", core_read(e, fieldless));
	say("fieldless.is_far", core_read(e, fieldless) ==
				bpf_core_enum_value(enum Fieldless, Fieldless_Far));
	say_if("data", &e->empty, Data, Named);
	say_if("data", &e->empty, Data, Nested);
	say_if("data", &e->empty, Data, Empty);
	say_if("named", &e->named, Data, Empty);
	say_if("named", &e->named, Data, Nested);
	if (say_if("named", &e->named, Data, Named)) {
		say("named.id", core_read(e, named.Named.id));
		say_text("named.text", e, named.Named.text);
	}
	say_if("nested", &e->nested, Data, Empty);
	say_if("nested", &e->nested, Data, Named);
	say_if("nested", &e->nested, Data, Nested);
	say_if("nested.0", option, Option_Result_u32_String, None);
	say_if("nested.0", option, Option_Result_u32_String, Some);
	say_if("nested.0.0", result, Result_u32_String, Ok);
	if (say_if("nested.0.0", result, Result_u32_String, Err))
		say_text("nested.0.0.0", result, Err.__0);
	if (say_if("single", &e->single, Single, Only))
		say("single.0", core_read(e, single.Only.__0));
	return 0;
}

static __noinline int options(const struct Enums *e)
{
	say_if("some_u32", &e->some, Option_u32, None);
	if (say_if("some_u32", &e->some, Option_u32, Some))
		say("some_u32.0", core_read(e, some.Some.__0));
	say_if("none_u32", &e->none, Option_u32, Some);
	say_if("none_u32", &e->none, Option_u32, None);
	say_if("some_bool", &e->some_bool, Option_bool, None);
	if (say_if("some_bool", &e->some_bool, Option_bool, Some))
		say("some_bool.0", core_read(e, some_bool.Some.__0));
	say_if("some_char", &e->some_char, Option_char, None);
	if (say_if("some_char", &e->some_char, Option_char, Some))
		say("some_char.0", core_read(e, some_char.Some.__0));
	say_if("none_char", &e->none_char, Option_char, Some);
	say_if("none_char", &e->none_char, Option_char, None);
	say_if("some_string", &e->some_string, Option_String, None);
	if (say_if("some_string", &e->some_string, Option_String, Some))
		say_text("some_string.0", e, some_string.Some.__0);
	say_if("none_string", &e->none_string, Option_String, Some);
	say_if("none_string", &e->none_string, Option_String, None);
	return 0;
}

static __noinline int others(const struct Enums *e)
{
	say_if("ok", &e->ok, Result_u16_String, Err);
	if (say_if("ok", &e->ok, Result_u16_String, Ok))
		say("ok.0", core_read(e, ok.Ok.__0));
	say_if("err", &e->err, Result_u16_String, Ok);
	if (say_if("err", &e->err, Result_u16_String, Err))
		say_text("err.0", e, err.Err.__0);
	say_if("borrowed_cow", &e->borrowed, Cow_str, Owned);
	if (say_if("borrowed_cow", &e->borrowed, Cow_str, Borrowed))
		say_text("borrowed_cow.0", e, borrowed.Borrowed.__0);
	say_if("owned_cow", &e->owned, Cow_str, Borrowed);
	if (say_if("owned_cow", &e->owned, Cow_str, Owned))
		say_text("owned_cow.0", e, owned.Owned.__0);
	say_if("ready", &e->ready, Poll_u32, Pending);
	if (say_if("ready", &e->ready, Poll_u32, Ready))
		say("ready.0", core_read(e, ready.Ready.__0));
	say_if("pending", &e->pending, Poll_u32, Ready);
	say_if("pending", &e->pending, Poll_u32, Pending);
	say_if("included", &e->included, Bound_u32, Excluded);
	say_if("included", &e->included, Bound_u32, Unbounded);
	if (say_if("included", &e->included, Bound_u32, Included))
		say("included.0", core_read(e, included.Included.__0));
	say_if("unbounded", &e->unbounded, Bound_u32, Included);
	say_if("unbounded", &e->unbounded, Bound_u32, Unbounded);
	say_if("stop", &e->stop, ControlFlow_u8_u32, Continue);
	if (say_if("stop", &e->stop, ControlFlow_u8_u32, Break))
		say("stop.0", core_read(e, stop.Break.__0));
	say_if("some_fd", &e->some_fd, Option_OwnedFd, None);
	if (say_if("some_fd", &e->some_fd, Option_OwnedFd, Some))
		say("some_fd.0", core_read(e, some_fd.Some.__0.fd));
	say_if("none_fd", &e->none_fd, Option_OwnedFd, Some);
	say_if("none_fd", &e->none_fd, Option_OwnedFd, None);
	return 0;
}

static __noinline int rest(const struct Rest *r)
{
	say("file.fd", core_read(r, file.fd));
	say("range.start", core_read(r, range.start));
	say("range.end", core_read(r, range.end));
	say("inclusive.start", core_read(r, inclusive.start));
	say("inclusive.end", core_read(r, inclusive.end));
	say("tuple.0", core_read(r, tuple.__0));
	say("tuple.1", core_read(r, tuple.__1));
	say("newtype", core_read(r, newtype.__0));
	say("array.2", core_read_elem(r, array, 2));
	say("grid.2.1", core_read(r, grid[2][1]));
	say("either.whole", core_read(r, either.whole));
	say("either.half", core_read(r, either.half));
	return 0;
}

SEC("uprobe")
int BPF_UPROBE(on_views, struct Views *views)
{
	numbers(&views->numbers);
	pointers(&views->pointers);
	wrappers(&views->wrappers);
	texts(&views->texts);
	collections(&views->collections);
	locks(&views->locks);
	times(&views->times);
	nets(&views->nets);
	data(&views->enums);
	options(&views->enums);
	others(&views->enums);
	rest(&views->rest);
	return 0;
}

// Reads all of an order of `fixtures/rust-app`, in whatever version: it asks before it reads what
// may not be there.
#include "say.h"

char LICENSE[] SEC("license") = "GPL";

#define say_field(name, ptr, field) ({					\
	if (bpf_core_field_exists((ptr)->field))			\
		say(name, core_read(ptr, field));			\
	else								\
		say_missing(name);					\
})

static __noinline int say_channel(const struct Order *order)
{
	__u64 channel = core_read(order, channel);

	if (bpf_core_enum_value_exists(enum Channel, Channel_Web) &&
	    channel == bpf_core_enum_value(enum Channel, Channel_Web))
		say_word("channel", "Web");
	if (bpf_core_enum_value_exists(enum Channel, Channel_Phone) &&
	    channel == bpf_core_enum_value(enum Channel, Channel_Phone))
		say_word("channel", "Phone");
	return 0;
}

static __noinline int say_status(const struct Order *order)
{
	const union Status *status = &order->status;

	if (say_if("status", status, Status, Open))
		return 0;
	if (say_if("status", status, Status, Packed)) {
		say_field("boxes", status, Packed.boxes);
		say_text("by", status, Packed.by);
	} else if (say_if("status", status, Status, Sent)) {
		say_field("parcel", status, Sent.__0);
	} else {
		say_word("status", "other");
	}
	return 0;
}

static __noinline int say_item(const struct Item *item)
{
	say_field("items.1.sku", item, sku);
	say_field("items.1.count", item, count);
	return 0;
}

static __noinline int say_due(const struct Order *order)
{
	if (say_if("due", &order->due, Option_Duration, None))
		return 0;
	say("due.secs", core_read(order, due.Some.__0.secs));
	say("due.nanos", core_read(order, due.Some.__0.nanos));
	return 0;
}

SEC("uprobe")
int BPF_UPROBE(on_order, struct Order *order)
{
	const struct ArcInner_Mutex_Stock *stock = core_read_ptr(order, stock);

	say_field("id", order, id);
	say_field("total", order, total);
	say_field("discount", order, discount);
	say_field("paid", order, paid);
	say_field("customer.id", order, customer.id);
	say_field("customer.vip", order, customer.vip);
	say_field("items.len", order, items.len);
	say_field("rating", order, rating.Some.__0);
	if (bpf_core_field_exists(order->note.ptr))
		say_text("note", order, note);
	else
		say_missing("note");
	say_channel(order);
	say_status(order);
	say_item(core_vec_at(order, items, 1));
	say_due(order);
	say_field("stock.left", stock, value.data.left);
	say_field("stock.reserved", stock, value.data.reserved);
	return 0;
}

// These do not ask, each about one field that version 2 has changed.

__s64 value;

SEC("uprobe")
int BPF_UPROBE(removed, struct Order *order)
{
	value = core_read(order, discount);
	return 0;
}

SEC("uprobe")
int BPF_UPROBE(optional, struct Order *order)
{
	char text[8];

	value = core_str(text, sizeof(text), order, note);
	return 0;
}

SEC("uprobe")
int BPF_UPROBE(widened, struct Order *order)
{
	__s32 total = 0;

	bpf_probe_read_user(&total, sizeof(total), &order->total);
	value = total;
	return 0;
}

SEC("uprobe")
int BPF_UPROBE(narrowed, struct Order *order)
{
	__u32 id = 0;

	bpf_probe_read_user(&id, sizeof(id), &order->id);
	value = id;
	return 0;
}

SEC("uprobe")
int BPF_UPROBE(grown, struct Order *order)
{
	const struct Item *items = core_read_ptr(order, items.ptr);
	__u64 last = core_read(order, items.len) - 1;
	__s16 count = 0;

	bpf_probe_read_user(&count, sizeof(count), &items[last].count);
	value = count;
	return 0;
}

SEC("uprobe")
int BPF_UPROBE(whole, struct Order *order)
{
	struct Customer customer = {};

	bpf_probe_read_user(&customer, sizeof(customer), &order->customer);
	value = customer.id;
	return 0;
}

// What the table in core_macros' documentation says, a line for each row; and every member by
// libbpf's own macros too.
#include "traceable.bpf.h"

char LICENSE[] SEC("license") = "GPL";

__s64 balance;
__u64 wide, size, flag, letter, ratio, huge[2];
__u64 reference, raw, boxed, non_null, optional, nothing, counted, strong, shared;
__u64 cell, maybe, manual, non_zero, atomic;
__s64 text_len, boxed_text_len, string_len;
char text[16], boxed_text[16], string[16];
__u64 slice_1, boxed_slice_1, list_2, list_past, total;
__u64 secs, nanos, system_secs, is_v4, port, locked, mutex, lock, borrowed;
unsigned char v4[4], v6[16];
__u64 mode, is_fast, is_empty, is_loaded, tag, loaded_id, some, niche_none, ok, err_len;
__s64 loaded_name_len;
char loaded_name[16];
__u64 either, array_3, array_i, grid, tuple, length, object, vtable, foreign;

SEC("uprobe")
int BPF_UPROBE(on_show, struct Views *views)
{
    // numbers
    balance = core_read(views, balance);
    wide = core_read(views, wide);
    size = core_read(views, size);
    flag = core_read(views, flag);
    letter = core_read(views, letter);
    bpf_probe_read_user(&ratio, sizeof(ratio), &views->ratio);
    bpf_probe_read_user(huge, sizeof(huge), &views->huge);

    // pointers
    reference = core_read(views, reference, id);
    raw = core_read(views, raw, id);
    boxed = core_read(views, boxed, id);
    non_null = core_read(views, non_null, id);
    optional = core_read(views, optional, id);
    nothing = core_read_ptr(views, nothing) == NULL;

    // counted
    counted = core_read(views, counted, value.id);
    shared = core_read(views, shared, value.id);
    strong = core_read(views, shared, strong);

    // wrappers
    cell = core_read(views, cell);
    maybe = core_read(views, maybe);
    manual = core_read(views, manual.id);
    non_zero = core_read(views, non_zero);
    atomic = core_read(views, atomic);

    // slices
    text_len = core_str(text, sizeof(text), views, text);
    boxed_text_len = core_str(boxed_text, sizeof(boxed_text), views, boxed_text);
    bpf_probe_read_user(&slice_1, sizeof(__u16), core_vec_at(views, slice, 1));
    boxed_slice_1 = core_read(core_vec_at(views, boxed_slice, 1), id);

    // vectors
    string_len = core_str(string, sizeof(string), views, string);
    list_2 = core_read(core_vec_at(views, list, 2), id);
    list_past = core_vec_at(views, list, 3) == NULL;
    for (int i = 0; i < 8; i++) {
        struct Inner *inner = core_vec_at(views, list, i);

        if (inner)
            total += core_read(inner, id);
    }

    // times_and_addresses
    secs = core_read(views, duration.secs);
    nanos = core_read(views, duration.nanos);
    system_secs = core_read(views, system.secs);
    core_read_bytes(v4, sizeof(v4), views, v4.octets);
    core_read_bytes(v6, sizeof(v6), views, v6.octets);
    is_v4 = core_variant_is(&views->address, SocketAddr, V4);
    port = core_read(views, address.V4.__0.port);

    // locks
    locked = core_read(views, mutex.lock);
    mutex = core_read(views, mutex.data.id);
    lock = core_read(views, lock.data);
    borrowed = core_read(views, borrowed.data);

    // fieldless_enums
    mode = core_read(views, mode);
    is_fast = core_read(views, mode) == bpf_core_enum_value(enum Mode, Mode_Fast);

    // enums_with_data
    is_empty = core_variant_is(&views->load, Load, Empty);
    is_loaded = core_variant_is(&views->load, Load, Loaded);
    if (is_loaded) {
        loaded_id = core_read(views, load.Loaded.id);
        loaded_name_len = core_str(loaded_name, sizeof(loaded_name), views, load.Loaded.name);
    }
    tag = core_tag(&views->option);
    if (core_variant_is(&views->option, Option_u32, Some))
        some = core_read(views, option.Some.__0);
    niche_none = core_variant_is(&views->niche, Option_NonZero_u32, None);
    if (core_variant_is(&views->result, Result_u8_String, Ok))
        ok = core_read(views, result.Ok.__0);
    else
        err_len = core_read(views, result.Err.__0.len);

    // unions_arrays_and_tuples
    either = core_read(views, either.small);
    array_3 = core_read(views, array[3]);
    array_i = core_read_elem(views, array, size & 1);
    grid = core_read(views, grid[2][1].id);
    tuple = core_read(views, tuple.__1);
    length = core_read(views, length.__0);

    // trait_objects
    object = (__u64)core_read_ptr(views, object.data);
    vtable = (__u64)core_read_ptr(views, object.vtable);

    // other_crates
    foreign = (__u64)core_read_ptr(views, foreign);
    return 0;
}

struct {
    __s64 balance;
    __u64 wide, size, flag, letter, reference, raw, boxed, non_null, optional, counted, shared;
    __u64 cell, maybe, manual, non_zero, atomic, text_len, slice_len, boxed_slice_len, string_len;
    __u64 list_len, first, secs, nanos, system_secs, port, mutex, lock, borrowed, mode, loaded_id;
    __u64 some, ok, either, array_3, grid, tuple, length, object;
    unsigned char v4[4], v6[16];
} plain;

// Widths are those of the members: a plain read takes the width of where it reads to.
#define PLAIN(to, ...) (plain.to = BPF_CORE_READ_USER(views, __VA_ARGS__))

SEC("uprobe")
int BPF_UPROBE(on_show_plain, struct Views *views)
{
    PLAIN(balance, balance);
    PLAIN(wide, wide);
    PLAIN(size, size);
    PLAIN(flag, flag);
    PLAIN(letter, letter);
    PLAIN(reference, reference, id);
    PLAIN(raw, raw, id);
    PLAIN(boxed, boxed, id);
    PLAIN(non_null, non_null, id);
    PLAIN(optional, optional, id);
    PLAIN(counted, counted, value.id);
    PLAIN(shared, shared, value.id);
    PLAIN(cell, cell);
    PLAIN(maybe, maybe);
    PLAIN(manual, manual.id);
    PLAIN(non_zero, non_zero);
    PLAIN(atomic, atomic);
    PLAIN(text_len, text.len);
    PLAIN(slice_len, slice.len);
    PLAIN(boxed_slice_len, boxed_slice.len);
    PLAIN(string_len, string.len);
    PLAIN(list_len, list.len);
    PLAIN(first, list.ptr, id);
    PLAIN(secs, duration.secs);
    PLAIN(nanos, duration.nanos);
    PLAIN(system_secs, system.secs);
    PLAIN(port, address.V4.__0.port);
    PLAIN(mutex, mutex.data.id);
    PLAIN(lock, lock.data);
    PLAIN(borrowed, borrowed.data);
    PLAIN(mode, mode);
    PLAIN(loaded_id, load.Loaded.id);
    PLAIN(some, option.Some.__0);
    PLAIN(ok, result.Ok.__0);
    PLAIN(either, either.small);
    PLAIN(array_3, array[3]);
    PLAIN(grid, grid[2][1].id);
    PLAIN(tuple, tuple.__1);
    PLAIN(length, length.__0);
    plain.object = (__u64)BPF_CORE_READ_USER(views, object.data);
    BPF_CORE_READ_USER_INTO(&plain.v4, views, v4.octets);
    BPF_CORE_READ_USER_INTO(&plain.v6, views, v6.octets);
    return 0;
}

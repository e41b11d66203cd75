// Reads every canonical view of a Rust struct.
#include "traceable.bpf.h"

char LICENSE[] SEC("license") = "GPL";

__u64 id, busy_id, done_ok, hits, last_secs, previous_id, tries, timeout_secs, timeout_nanos;
__u64 port, size_2, kind_1, past_end;
__u64 is_idle, is_busy, is_done, is_ok, has_last, is_v4;
__s64 path_len, name_len;
char path[32], name[32];
unsigned char address[4];

SEC("uprobe")
int BPF_UPROBE(on_handle, struct Request *request)
{
    struct ArcInner_Mutex_Stats *stats = core_read_ptr(request, stats);
    enum Kind kind = 0;

    id = core_read(request, id);
    tries = core_read(request, tries);
    timeout_secs = core_read(request, timeout.secs);
    timeout_nanos = core_read(request, timeout.nanos);
    path_len = core_str(path, sizeof(path), request, path);

    is_idle = core_variant_is(&request->state, State, Idle);
    is_busy = core_variant_is(&request->state, State, Busy);
    is_done = core_variant_is(&request->state, State, Done);
    if (is_busy) {
        busy_id = core_read(request, state.Busy.id);
        name_len = core_str(name, sizeof(name), request, state.Busy.name);
    }
    if (is_done) {
        is_ok = core_variant_is(&request->state.Done.__0, Result_u32_String, Ok);
        done_ok = core_read(request, state.Done.__0.Ok.__0);
    }

    hits = core_read(stats, value.data.hits);
    has_last = core_variant_is(&stats->value.data.last, Option_Duration, Some);
    last_secs = core_read(stats, value.data.last.Some.__0.secs);
    previous_id = core_read(request, previous, id);

    is_v4 = core_variant_is(&request->peer, SocketAddr, V4);
    port = core_read(request, peer.V4.__0.port);
    core_read_bytes(address, sizeof(address), request, peer.V4.__0.ip.octets);

    bpf_probe_read_user(&size_2, sizeof(__u16), core_vec_at(request, sizes, 2));
    bpf_probe_read_user(&kind, sizeof(kind), core_vec_at(request, kinds, 1));
    kind_1 = kind;
    past_end = core_vec_at(request, kinds, 2) == NULL;
    return 0;
}

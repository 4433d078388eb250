// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A host's TCP/IP stack as others see it: two programs for tc (clsact, direct action) on the host's own interface.
 *
 * `inbound` answers by itself what the kernel's stack would answer otherwise than the personality's: segments that belong
 * to no connection, nmap's sequence probes, echo requests. `outbound` rewrites what the kernel says.
 * Which personality: the filter's classid and the host's address are the key in the map, so a packet for another
 * address is nobody's. Nothing here ever drops a packet of a connection; what is not understood goes on to the kernel.
 *
 * UAPI types only. Packets are read and written by helpers alone, so the verifier has no packet pointers to follow.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>

#include "personality.h"

#define SEC(name) __attribute__((section(name), used))
#define INLINE static __attribute__((always_inline))

#define ETHERNET 14
#define IPV4 __builtin_bswap16(0x0800)
#define IPV6 __builtin_bswap16(0x86dd)
#define TCP 6
#define UDP 17
#define ICMP 1
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20
#define ECE 0x40
#define CWR 0x80
#define ESTABLISHED 1
#define LISTEN 10
#define HALF_SECOND 500000000
#define OURS 0x5ac1d00d	/* skb->mark between `inbound`, which made the packet, and `outbound` */
#define CHUNK 512	/* the most that one call of the kernel sums up */
#define swap16 __builtin_bswap16
#define swap32 __builtin_bswap32

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*map_update)(void *map, const void *key, const void *value, __u64 flags) = (void *)2;
static __u64 (*now_ns)(void) = (void *)5;
static __u32 (*any)(void) = (void *)7;
static long (*store)(struct __sk_buff *skb, __u32 at, const void *from, __u32 size, __u64 flags) = (void *)9;
static long (*l4_replace)(struct __sk_buff *skb, __u32 at, __u64 from, __u64 to, __u64 flags) = (void *)11;
static long (*redirect)(__u32 ifindex, __u64 flags) = (void *)23;
static long (*load)(const void *skb, __u32 at, void *to, __u32 size) = (void *)26;
static __s64 (*sum)(const void *from, __u32 from_size, const void *to, __u32 to_size, __u32 seed) = (void *)28;
static long (*resize)(struct __sk_buff *skb, __u32 size, __u64 flags) = (void *)38;
static long (*release)(void *sk) = (void *)86;
static struct bpf_sock *(*find_socket)(void *skb, void *tuple, __u32 size, __u64 ns, __u64 flags) = (void *)99;
static long (*is_cookie)(void *sk, void *ip, __u32 ip_size, void *tcp, __u32 tcp_size) = (void *)100;

struct map {
	__u32 type, key_size, value_size, entries, flags;
};

SEC("maps") struct map personalities = {
	BPF_MAP_TYPE_HASH, sizeof(struct key), sizeof(struct personality), 16384, BPF_F_NO_PREALLOC,
};

/* A scanner at a host. */
struct pair {
	struct key host;
	__be32 peer[4];
};

struct course {
	__u32 isn;
	__u32 stamp;
	__u32 turn;
	__u32 ticks;
};

SEC("maps") struct map courses = {
	BPF_MAP_TYPE_LRU_HASH, sizeof(struct pair), sizeof(struct course), 8192, 0,
};

/* Room of one processor: the stack of a program has 512 bytes. */
struct room {
	__u8 old[64];
	__u8 new[64];
	__u8 chunk[CHUNK + 8];
};

SEC("maps") struct map rooms = {
	BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32), sizeof(struct room), 1, 0,
};

struct ip4 {
	__u8 version, tos;
	__be16 length, id, fragment;
	__u8 ttl, protocol;
	__u16 check;
	__be32 source, target;
};

struct ip6 {
	__be32 flow;
	__be16 length;
	__u8 next, hops;
	__be32 source[4], target[4];
};

struct tcp {
	__be16 source, target;
	__be32 seq, ack;
	__u8 offset, flags;
	__be16 window;
	__u16 check, urgent;
};

struct icmp {
	__u8 type, code;
	__u16 check;
	__be32 rest;
};

/* A packet, as far as it was read. */
struct seen {
	struct __sk_buff *skb;
	struct personality *host;
	struct room *room;
	struct key key;
	__u32 l4;
	__u32 length;	/* of what is behind the IP header */
	__u32 pseudo;	/* sum of the pseudo-header without the length */
	__u8 six, protocol;
	union {
		struct ip4 v4;
		struct ip6 v6;
	};
	struct tcp tcp;
};

INLINE __u16 fold(__u64 s)
{
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return s;
}

INLINE __u32 pseudo_of(struct seen *p)
{
	__be32 kind = swap32(p->protocol);
	__u32 s = sum(0, 0, &kind, 4, 0);

	if (p->six)
		return sum(0, 0, p->v6.source, 32, s);
	return sum(0, 0, &p->v4.source, 8, s);
}

/* Read the layers below; 0 where it is none of ours to touch: other protocols, fragments, IP options. */
INLINE int look(struct __sk_buff *skb, struct seen *p, int from_host)
{
	__u32 zero = 0;

	p->skb = skb;
	__builtin_memset(&p->key, 0, sizeof(p->key));
	p->key.class = skb->tc_classid;
	if (skb->protocol == IPV4) {
		if (load(skb, ETHERNET, &p->v4, sizeof(p->v4)) < 0)
			return 0;
		if (p->v4.version != 0x45 || p->v4.fragment & swap16(0x3fff))
			return 0;
		p->six = 0;
		p->protocol = p->v4.protocol;
		p->l4 = ETHERNET + 20;
		p->length = swap16(p->v4.length) - 20;
		p->key.address[0] = from_host ? p->v4.source : p->v4.target;
	} else if (skb->protocol == IPV6) {
		if (load(skb, ETHERNET, &p->v6, sizeof(p->v6)) < 0)
			return 0;
		p->six = 1;
		p->protocol = p->v6.next;
		p->l4 = ETHERNET + 40;
		p->length = swap16(p->v6.length);
		__builtin_memcpy(p->key.address, from_host ? p->v6.source : p->v6.target, 16);
	} else {
		return 0;
	}
	p->host = map_lookup(&personalities, &p->key);
	p->room = map_lookup(&rooms, &zero);
	return p->host && p->room;
}

INLINE int look_tcp(struct seen *p)
{
	return load(p->skb, p->l4, &p->tcp, sizeof(p->tcp)) >= 0 && (p->tcp.offset >> 4) >= 5;
}

/*
 * The state of the socket that a segment would come to, 0 without one. `from_host`: the segment is the host's own. An ACK
 * with a SYN cookie is of a connection already.
 */
INLINE __u32 socket_state(struct seen *p, int from_host)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk;
	__u32 state;
	long other;

	if (p->six) {
		__builtin_memcpy(t.ipv6.saddr, from_host ? p->v6.target : p->v6.source, 16);
		__builtin_memcpy(t.ipv6.daddr, from_host ? p->v6.source : p->v6.target, 16);
		t.ipv6.sport = from_host ? p->tcp.target : p->tcp.source;
		t.ipv6.dport = from_host ? p->tcp.source : p->tcp.target;
		sk = find_socket(p->skb, &t, sizeof(t.ipv6), BPF_F_CURRENT_NETNS, 0);
	} else {
		t.ipv4.saddr = from_host ? p->v4.target : p->v4.source;
		t.ipv4.daddr = from_host ? p->v4.source : p->v4.target;
		t.ipv4.sport = from_host ? p->tcp.target : p->tcp.source;
		t.ipv4.dport = from_host ? p->tcp.source : p->tcp.target;
		sk = find_socket(p->skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	}
	if (!sk)
		return 0;
	state = sk->state;
	if (state == LISTEN && !from_host && p->tcp.flags & ACK) {
		if (p->six)
			other = is_cookie(sk, &p->v6, sizeof(p->v6), &p->tcp, sizeof(p->tcp));
		else
			other = is_cookie(sk, &p->v4, sizeof(p->v4), &p->tcp, sizeof(p->tcp));
		if (!other)
			state = ESTABLISHED;
	}
	release(sk);
	return state;
}

INLINE __s64 sum_chunk(struct seen *p, __u32 at, __u32 size, __u32 seed)
{
	__asm__ volatile("" : "+r"(size));	/* the bound is checked here, where the verifier sees it */
	if (size < 1 || size > CHUNK)
		return -1;
	if (load(p->skb, p->l4 + at, p->room->chunk, size) < 0)
		return -1;
	*(__u8 *)(p->room->chunk + size) = 0;
	*(__u8 *)(p->room->chunk + size + 1) = 0;
	*(__u8 *)(p->room->chunk + size + 2) = 0;
	size = (size + 3) & 0x3fc;
	return sum(0, 0, p->room->chunk, size, seed);
}

/* The sum of what is behind the IP header, all that fits an Ethernet frame; negative where there is more. */
INLINE __s64 sum_of(struct seen *p, __u32 size)
{
	__s64 s = sum_chunk(p, 0, size < CHUNK ? size : CHUNK, 0);

	if (s >= 0 && size > CHUNK)
		s = sum_chunk(p, CHUNK, size < 2 * CHUNK ? size - CHUNK : CHUNK, s);
	if (s >= 0 && size > 2 * CHUNK)
		s = sum_chunk(p, 2 * CHUNK, size - 2 * CHUNK, s);
	return s;
}

INLINE __u16 next_id(struct personality *host, __u8 mode, __u16 kept, int icmp, __u32 segments)
{
	__u32 *counter = &host->counters[icmp && !host->ipid_shared];

	switch (mode) {
	case ZERO:
		return 0;
	case INCR:
		return swap16(__sync_fetch_and_add(counter, segments));
	case BROKEN:
		return __sync_fetch_and_add(counter, segments);
	case RANDOM_POSITIVE:
		return swap16(__sync_fetch_and_add(counter, 1200 + (any() & 0x7ff)));
	case RANDOM:	/* never near the last one: a scanner with few samples has to see that it is random */
		return swap16(__sync_fetch_and_add(counter, 22000 + (any() & 0x3fff)));
	default:
		return kept;
	}
}

INLINE void close4(struct ip4 *ip)
{
	ip->check = 0;
	ip->check = ~fold(sum(0, 0, ip, sizeof(*ip), 0));
}

INLINE void put_df(struct ip4 *ip, __u8 df)
{
	if (df == NO)
		ip->fragment &= ~swap16(0x4000);
	else if (df == YES)
		ip->fragment |= swap16(0x4000);
}

/* ------------------------------------------------------------------------------------------------ answers made here */

/* Turn what came in round, with `size` bytes behind the IP header, and send it out where it came from. */
INLINE int send_back(struct seen *p, __u8 ttl, __u8 df, __u8 tos, __u16 id, __u32 size)
{
	__u8 macs[12], turned[12];
	__u32 mark = OURS;

	if (load(p->skb, 0, macs, 12) < 0)
		return TC_ACT_UNSPEC;
	__builtin_memcpy(turned, macs + 6, 6);
	__builtin_memcpy(turned + 6, macs, 6);
	store(p->skb, 0, turned, 12, 0);
	if (p->six) {
		__be32 was[4];

		__builtin_memcpy(was, p->v6.source, 16);
		__builtin_memcpy(p->v6.source, p->v6.target, 16);
		__builtin_memcpy(p->v6.target, was, 16);
		p->v6.flow = swap32(0x60000000);
		p->v6.length = swap16(size);
		p->v6.hops = ttl;
		store(p->skb, ETHERNET, &p->v6, sizeof(p->v6), 0);
	} else {
		__be32 was = p->v4.source;

		p->v4.source = p->v4.target;
		p->v4.target = was;
		p->v4.tos = tos;
		p->v4.length = swap16(20 + size);
		p->v4.id = id;
		p->v4.fragment = df == YES ? swap16(0x4000) : 0;
		p->v4.ttl = ttl;
		close4(&p->v4);
		store(p->skb, ETHERNET, &p->v4, sizeof(p->v4), 0);
	}
	p->skb->mark = mark;
	return redirect(p->skb->ifindex, 0);
}

/* Whether the segment's sum is right. A sender on this machine leaves it to the card: then it is that of the pseudo-header. */
INLINE int is_sound(struct seen *p, int *partial)
{
	__u32 pseudo = pseudo_of(p);
	__be32 size = swap32(p->length);
	__s64 all = sum_of(p, p->length);

	*partial = 0;
	if (all < 0)
		return 0;
	pseudo = sum(0, 0, &size, 4, pseudo);
	if (p->tcp.check == fold(pseudo)) {
		*partial = 1;
		return 1;
	}
	return fold((__u64)(__u32)all + pseudo) == 0xffff;
}

/* Send the `size` bytes of room->new back as TCP segment. The rest of room->new is zero. */
INLINE int send_segment(struct seen *p, __u32 size, int partial, __u8 ttl, __u8 df, __u16 id)
{
	struct tcp *t = (struct tcp *)p->room->new;
	__be32 length = swap32(size);
	__u32 s;

	if (size < 20 || size > 60)
		return TC_ACT_UNSPEC;
	s = sum(0, 0, &length, 4, pseudo_of(p));	/* the same for both directions */
	if (partial) {
		t->check = fold(s);
	} else {
		t->check = 0;
		t->check = ~fold(sum(0, 0, p->room->new, 60, s));
	}
	if (resize(p->skb, p->l4 + size, 0) < 0)
		return TC_ACT_UNSPEC;
	if (store(p->skb, p->l4, p->room->new, size, 0) < 0)
		return TC_ACT_SHOT;
	return send_back(p, p->six ? p->host->hops : ttl, df, 0, id, size);
}

INLINE void begin_segment(struct seen *p)
{
	struct tcp *t = (struct tcp *)p->room->new;

	__builtin_memset(p->room->new, 0, 64);
	t->source = p->tcp.target;
	t->target = p->tcp.source;
	t->offset = 0x50;
}

INLINE __be32 number(__u8 what, struct seen *p)
{
	__u8 flags = p->tcp.flags;
	__u32 after = swap32(p->tcp.seq) + p->length - (p->tcp.offset >> 4) * 4;

	switch (what) {
	case NUMBER_ACK:
		return p->tcp.ack;
	case NUMBER_SEQ:
		return p->tcp.seq;
	case NUMBER_NEXT:
		if (flags & SYN)
			after++;
		if (flags & FIN)
			after++;
		return swap32(after);
	case NUMBER_OTHER:
		return any() | swap32(1);
	default:
		return 0;
	}
}

/* A reset or the like. */
INLINE int reply(struct seen *p, struct answer *a, int partial)
{
	struct tcp *t = (struct tcp *)p->room->new;
	struct personality *host = p->host;

	begin_segment(p);
	t->seq = number(a->seq, p);
	t->ack = number(a->ack, p);
	t->flags = a->flags;
	t->window = swap16(a->window);
	return send_segment(p, 20, partial, a->ttl, a->df, next_id(host, host->ipid_closed, 0, 0, 1));
}

INLINE __u16 window_of(struct personality *host, struct greeting *g, __u32 mss)
{
	__u32 window = g->window;

	if (mss < host->mss_least)
		mss = host->mss_least;
	if (mss < 1 || mss > 0xffff)
		return window;
	if (g->rule == FLOOR_MSS)
		window = window / mss * mss;
	else if (g->rule == CEIL_MSS)
		window = (window + mss - 1) / mss * mss;
	return window > 0xffff ? 0xffff : window;
}

/* The next number of the sequence that this scanner sees at this host, and its time stamp. */
INLINE void next_course(struct seen *p, __u32 *isn, __u32 *stamp)
{
	struct personality *host = p->host;
	struct pair pair = {.host = p->key};
	struct course c = {}, *known;
	__u32 step, ticks = now_ns() / HALF_SECOND;
	__u64 dev;

	if (p->six)
		__builtin_memcpy(pair.peer, p->v6.source, 16);
	else
		pair.peer[0] = p->v4.source;
	known = map_lookup(&courses, &pair);
	if (known) {
		c = *known;
	} else {
		c.isn = any();
		c.stamp = any() & 0x3fffffff;
		c.turn = any();
		c.ticks = ticks;
	}
	dev = ((__u64)host->isn_dev * (3670016 + (any() & 0xfffff))) >> 22;	/* by an eighth less or more */
	step = c.turn & 1 ? host->isn_mean + dev : host->isn_mean - dev;
	if (host->isn_gcd > 1)
		step = step / host->isn_gcd * host->isn_gcd;
	c.turn++;
	c.isn += step + host->isn_tick * (ticks - c.ticks);
	c.ticks = ticks;
	map_update(&courses, &pair, &c, 0);
	*isn = host->isn_designed ? c.isn : any();
	*stamp = host->stamp_hz ? c.stamp + (now_ns() / 1000000) * host->stamp_hz / 1000 : any();
}

/* A SYN-ACK to a probe whose options are known. */
INLINE int greet(struct seen *p, __u32 offered, __u32 mss, __be32 echoed, int partial)
{
	struct personality *host = p->host;
	struct greeting *g = &host->greetings[offered & 7];
	__u8 *options = p->room->new + 20;
	struct tcp *t = (struct tcp *)p->room->new;
	__u32 isn, stamp, own = host->mss, length = g->length;

	if (!g->known || length > OPTIONS)
		return TC_ACT_UNSPEC;
	next_course(p, &isn, &stamp);
	begin_segment(p);
	t->seq = swap32(isn);
	t->ack = swap32(swap32(p->tcp.seq) + 1);
	t->offset = (20 + length) << 2;
	t->flags = SYN | ACK;
	if (mss == 0)
		mss = host->mss_absent;
	t->window = swap16(window_of(host, g, mss < own ? mss : own));
	if (host->mss_min_peer && mss < own)
		own = mss;
	__builtin_memcpy(options, g->options, OPTIONS);
	if (g->mss_at < OPTIONS - 4)
		*(__be16 *)(options + g->mss_at) = swap16(own);
	if (g->scale_at < OPTIONS - 4)
		options[g->scale_at] = host->scale;
	if (g->stamp_at < OPTIONS - 8) {
		*(__be16 *)(options + g->stamp_at) = swap16(stamp >> 16);
		*(__be16 *)(options + g->stamp_at + 2) = swap16(stamp);
		*(__be16 *)(options + g->stamp_at + 4) = echoed;
		*(__be16 *)(options + g->stamp_at + 6) = echoed >> 16;
	}
	return send_segment(p, 20 + length, partial, host->ttl_tcp, host->df_tcp, next_id(host, host->ipid_tcp, 0, 0, 1));
}

/* nmap's six sequence probes, known by window, length and the time stamp of all ones. */
INLINE int sequence_probe(struct seen *p, int partial)
{
	__u32 at, mss, offered;
	__u8 stamp[10];
	__u32 size = (p->tcp.offset >> 4) * 4;

	switch (swap16(p->tcp.window)) {
	case 1:
		at = 8, mss = 1460, offered = 7;
		break;
	case 63:
		at = 9, mss = 1400, offered = 7;
		break;
	case 4:
		at = size == 36 ? 2 : 0, mss = size == 36 ? 0 : 640, offered = size == 36 ? 7 : 5;
		break;
	case 16:
		at = 6, mss = 536, offered = 7;
		break;
	case 512:
		at = 6, mss = 265, offered = 6;
		break;
	default:
		return TC_ACT_UNSPEC;
	}
	if (size < 36 || size > 40 || p->length != size)
		return TC_ACT_UNSPEC;
	if (load(p->skb, p->l4 + 20 + at, stamp, 10) < 0)
		return TC_ACT_UNSPEC;
	if (stamp[0] != 8 || stamp[1] != 10 || stamp[2] != 0xff || stamp[3] != 0xff || stamp[4] != 0xff || stamp[5] != 0xff)
		return TC_ACT_UNSPEC;
	return greet(p, offered, mss, 0xffffffff, partial);
}

INLINE int answered(struct seen *p, __u32 which, int partial)
{
	struct answer *a;

	if (which >= ANSWERS)
		return TC_ACT_UNSPEC;
	a = &p->host->answers[which];
	switch (a->mode) {
	case DROP:
		return TC_ACT_SHOT;
	case REPLY:
		return reply(p, a, partial);
	case AS_SYN:
		return greet(p, 7, 265, 0xffffffff, partial);
	default:
		return TC_ACT_UNSPEC;
	}
}

/* Resets are answered by nobody; ACKs go on to the kernel, whose reset is rewritten, unless that does not do. */
INLINE int inbound_tcp(struct seen *p)
{
	__u8 flags;
	__u32 state, which;
	int partial;

	if (!look_tcp(p))
		return TC_ACT_UNSPEC;
	flags = p->tcp.flags & 0x3f;
	if (flags & RST || (flags & ACK && !p->host->acks))
		return TC_ACT_UNSPEC;
	state = socket_state(p, 0);
	if (state && state != LISTEN)
		return TC_ACT_UNSPEC;
	if (!is_sound(p, &partial))
		return TC_ACT_UNSPEC;
	if (flags & ACK) {
		which = state ? T4 : T6;
	} else if (state) {
		if (flags == SYN && !(p->tcp.flags & (ECE | CWR)))
			return sequence_probe(p, partial);
		if ((flags & (SYN | FIN)) == SYN)
			return TC_ACT_UNSPEC;
		if (flags & SYN)
			which = T3;
		else if (flags == FIN)
			which = FIN_OPEN;
		else if (flags == (FIN | PSH | URG))
			which = XMAS_OPEN;
		else
			which = p->tcp.offset >> 4 == 5 ? NULL_OPEN : T2;
	} else {
		which = flags & SYN ? T5 : T7;
	}
	return answered(p, which, partial);
}

INLINE int inbound_echo(struct seen *p)
{
	struct personality *host = p->host;
	struct icmp i;
	__s64 all;

	if (host->ie_mode == KERNEL || load(p->skb, p->l4, &i, sizeof(i)) < 0 || i.type != 8)
		return TC_ACT_UNSPEC;
	all = sum_of(p, p->length);
	if (all < 0 || fold(all) != 0xffff)
		return TC_ACT_UNSPEC;
	if (host->ie_mode == DROP)
		return TC_ACT_SHOT;
	i.type = 0;
	i.code = host->ie_code == ECHO ? i.code : 0;
	i.check = 0;
	store(p->skb, p->l4, &i, sizeof(i), 0);
	i.check = ~fold(sum_of(p, p->length));
	store(p->skb, p->l4, &i, sizeof(i), 0);
	return send_back(p, host->ttl_icmp, host->ie_df == ECHO ? !!(p->v4.fragment & swap16(0x4000)) : host->ie_df,
			 host->ie_tos == ECHO ? p->v4.tos : 0, next_id(host, host->ipid_icmp, 0, 1, 1), p->length);
}

SEC("tc/inbound") int inbound(struct __sk_buff *skb)
{
	struct seen p;

	if (skb->pkt_type != 0 || !look(skb, &p, 0))
		return TC_ACT_UNSPEC;
	if (p.protocol == TCP)
		return inbound_tcp(&p);
	if (p.protocol == ICMP && !p.six)
		return inbound_echo(&p);
	return TC_ACT_UNSPEC;
}

/* ---------------------------------------------------------------------------------------------- what the kernel says */

INLINE void put4(struct seen *p, __u8 ttl, __u8 df, __u16 id)
{
	p->v4.ttl = ttl;
	p->v4.id = id;
	put_df(&p->v4, df);
	close4(&p->v4);
	store(p->skb, ETHERNET, &p->v4, sizeof(p->v4), 0);
}

/* The options that Linux writes, which have one layout for each set: M, then S,T or N,N,T, then N,N,S, then N,W. */
INLINE __u32 offered_of(__u8 *o, __u32 size, __u32 *stamp_at, __u32 *scale_at)
{
	__u32 at = 4, found = 0;

	if (size < 4 || o[0] != 2)
		return 8;
	if (size >= 16 && o[6] == 8 && o[7] == 10) {
		found = o[4] == 4 ? 6 : 4;
		*stamp_at = 8;
		at = 16;
	} else if (size >= 8 && o[6] == 4) {
		found = 2;
		at = 8;
	}
	if (size == at + 4) {
		if (o[at + 1] != 3)
			return 8;
		*scale_at = at + 3;
		return found | 1;
	}
	return size == at ? found : 8;
}

/* Put the personality's options in the place of the kernel's, with the kernel's own scale and time stamps. */
INLINE int regreet(struct seen *p, int own)
{
	struct personality *host = p->host;
	struct tcp *t = (struct tcp *)p->room->new;
	__u8 *was = p->room->old + 20, *options = p->room->new + 20;
	__u32 size = (p->tcp.offset >> 4) * 4, fresh, offered, mss, stamp_at = 4, scale_at = 4;
	struct greeting *g;
	__s64 diff;

	if (size < 24 || size > 60 || p->length != size)
		return 0;
	__builtin_memset(p->room->old, 0, 64);
	if (load(p->skb, p->l4, p->room->old, size) < 0)
		return 0;
	offered = offered_of(was, size - 20, &stamp_at, &scale_at);
	if (offered > 7)
		return 0;
	g = &host->greetings[own ? 8 : offered & 7];
	if (!g->known || g->length > OPTIONS)
		return 0;
	/* Time stamps may be kept back: a peer that is offered none sends none, and then the kernel does without too. */
	if (own && ((g->scale_at != ABSENT) != (offered & 1) || (g->stamp_at != ABSENT && !(offered & 4))))
		return 0;
	fresh = 20 + g->length;
	mss = was[2] << 8 | was[3];
	if (mss > host->mss)
		mss = host->mss;
	__builtin_memcpy(p->room->new, p->room->old, 20);
	__builtin_memcpy(options, g->options, OPTIONS);
	__builtin_memset(p->room->new + 60, 0, 4);
	t->offset = (fresh << 2) | (p->tcp.offset & 0xf);
	t->window = swap16(window_of(host, g, mss));
	if (g->mss_at < OPTIONS - 4)
		*(__be16 *)(options + g->mss_at) = swap16(mss);
	if (g->scale_at < OPTIONS - 4 && scale_at < OPTIONS - 4)
		options[g->scale_at] = was[scale_at];
	if (g->stamp_at < OPTIONS - 8 && stamp_at < OPTIONS - 8) {
		*(__be16 *)(options + g->stamp_at) = *(__be16 *)(was + stamp_at);
		*(__be16 *)(options + g->stamp_at + 2) = *(__be16 *)(was + stamp_at + 2);
		*(__be16 *)(options + g->stamp_at + 4) = *(__be16 *)(was + stamp_at + 4);
		*(__be16 *)(options + g->stamp_at + 6) = *(__be16 *)(was + stamp_at + 6);
	}
	if (fresh < 20 || fresh > 60)
		return 0;
	if (fresh != size && resize(p->skb, p->l4 + fresh, 0) < 0)
		return 0;
	diff = sum(p->room->old, 60, p->room->new, 60, 0);
	store(p->skb, p->l4, p->room->new, fresh, 0);
	l4_replace(p->skb, p->l4 + 16, 0, diff, 0);
	if (fresh != size) {
		l4_replace(p->skb, p->l4 + 16, swap16(size), swap16(fresh), BPF_F_PSEUDO_HDR | 2);
		if (p->six) {
			p->v6.length = swap16(fresh);
			store(p->skb, ETHERNET, &p->v6, sizeof(p->v6), 0);
		} else {
			p->v4.length = swap16(20 + fresh);
		}
	}
	return 1;
}

/* A reset of the kernel: the answer to a lone ACK has no ACK itself. */
INLINE int rereset(struct seen *p, __u8 *df)
{
	struct personality *host = p->host;
	struct tcp *t = (struct tcp *)p->room->new;
	struct answer *a = &host->answers[T4];
	__u32 state;
	__s64 diff;

	if (p->tcp.flags & ACK || p->length != 20)
		return TC_ACT_UNSPEC;
	state = socket_state(p, 1);
	if (state && state != LISTEN)
		return TC_ACT_UNSPEC;
	if (!state)
		a = &host->answers[T6];
	*df = a->df;
	if (a->mode == DROP)
		return TC_ACT_SHOT;
	if (a->mode != REPLY)
		return TC_ACT_UNSPEC;
	__builtin_memcpy(p->room->old, &p->tcp, 20);
	__builtin_memcpy(p->room->new, &p->tcp, 20);
	t->seq = a->seq == NUMBER_ZERO ? 0 : p->tcp.seq;	/* the kernel's is the ACK of the probe */
	t->ack = a->ack == NUMBER_ACK ? p->tcp.seq : a->ack == NUMBER_OTHER ? any() | swap32(1) : 0;
	t->flags = a->flags;
	t->window = swap16(a->window);
	diff = sum(p->room->old, 20, p->room->new, 20, 0);
	store(p->skb, p->l4, p->room->new, 16, 0);
	l4_replace(p->skb, p->l4 + 16, 0, diff, 0);
	return TC_ACT_UNSPEC;
}

INLINE int outbound_tcp(struct seen *p)
{
	struct personality *host = p->host;
	__u8 flags, ttl = host->ttl_tcp, df = host->df_tcp, ipid = host->ipid_data;
	__u32 segments = p->skb->gso_segs;
	int verdict = TC_ACT_UNSPEC;

	if (!look_tcp(p))
		return TC_ACT_UNSPEC;
	flags = p->tcp.flags & (SYN | RST | ACK);
	if (flags & RST) {
		df = host->answers[T4].df;
		verdict = rereset(p, &df);
		ttl = host->ttl_rst;
		ipid = host->ipid_closed;
	} else if (flags == (SYN | ACK)) {
		regreet(p, 0);
		ipid = host->ipid_tcp;
	} else if (flags == SYN) {
		regreet(p, 1);
		ipid = host->ipid_syn;
	}
	if (!p->six)
		put4(p, ttl, df, next_id(host, ipid, p->v4.id, 0, segments ? segments : 1));
	return verdict;
}

INLINE int unreachable(struct seen *p)
{
	struct personality *host = p->host;
	struct icmp i;
	struct ip4 quoted;
	__u32 size = p->length;
	__u16 zero = 0, bad = 0x1bad;
	__s64 all;

	if (load(p->skb, p->l4, &i, sizeof(i)) < 0 || i.type != 3 || i.code != 3)
		return TC_ACT_UNSPEC;
	if (host->u1_mode == DROP)
		return TC_ACT_SHOT;
	if (host->u1_mode == KERNEL || size < 36 || size > 1480)
		return TC_ACT_UNSPEC;
	if (host->u1_length >= 56 && size + 20 > host->u1_length) {
		size = host->u1_length - 20;
		if (resize(p->skb, p->l4 + size, 0) < 0)
			return TC_ACT_UNSPEC;
		p->v4.length = swap16(20 + size);
	}
	if (load(p->skb, p->l4 + 8, &quoted, sizeof(quoted)) >= 0 && quoted.version == 0x45) {
		if (host->u1_rid == SWAPPED)
			quoted.id = swap16(quoted.id);
		else if (host->u1_rid != GOOD)
			quoted.id = host->u1_rid == NULLED ? 0 : bad;
		if (host->u1_ripck != GOOD)
			quoted.check = host->u1_ripck == NULLED ? 0 : bad;
		store(p->skb, p->l4 + 8, &quoted, sizeof(quoted), 0);
		if (host->u1_ruck != GOOD && quoted.protocol == UDP)
			store(p->skb, p->l4 + 34, host->u1_ruck == NULLED ? &zero : &bad, 2, 0);
	}
	i.check = 0;
	store(p->skb, p->l4, &i, sizeof(i), 0);
	all = sum_of(p, size);
	if (all >= 0) {
		i.check = ~fold(all);
		store(p->skb, p->l4, &i, sizeof(i), 0);
	}
	put4(p, host->ttl_u1, host->u1_df, next_id(host, host->ipid_icmp, p->v4.id, 1, 1));
	return TC_ACT_UNSPEC;
}

SEC("tc/outbound") int outbound(struct __sk_buff *skb)
{
	struct seen p;

	if (skb->mark == OURS) {
		skb->mark = 0;
		return TC_ACT_UNSPEC;
	}
	if (!look(skb, &p, 1))
		return TC_ACT_UNSPEC;
	if (p.protocol == TCP)
		return outbound_tcp(&p);
	if (p.six)
		return TC_ACT_UNSPEC;
	if (p.protocol == ICMP)
		return unreachable(&p);
	if (p.protocol == UDP && p.v4.ttl == p.host->ttl_tcp)
		put4(&p, p.host->ttl_udp, p.host->df_udp, next_id(p.host, p.host->ipid_data, p.v4.id, 0, 1));
	return TC_ACT_UNSPEC;
}

SEC("license") char terms[] = "Dual MIT/GPL";

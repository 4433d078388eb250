/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What one host's TCP/IP stack does: the value of the map `personalities`. decnet/stack/layout.py packs the same bytes. */
#ifndef PERSONALITY_H
#define PERSONALITY_H

#include <linux/types.h>

#define OPTIONS 40
#define ABSENT 0xff

enum { KEEP, ZERO, INCR, RANDOM_POSITIVE, RANDOM, BROKEN };		/* IP-ID */
enum { KERNEL, DROP, REPLY, AS_SYN };				/* mode of an answer */
enum { NUMBER_ZERO, NUMBER_ACK, NUMBER_SEQ, NUMBER_NEXT, NUMBER_OTHER };	/* sequence numbers of an answer */
enum { CONST, FLOOR_MSS, CEIL_MSS };				/* windows */
enum { NO, YES, ECHO };						/* don't-fragment, code, tos of an answer */
enum { T2, T3, T4, T5, T6, T7, NULL_OPEN, FIN_OPEN, XMAS_OPEN, ANSWERS };
enum { GOOD, NULLED, BAD, SWAPPED };				/* fields of a quoted packet */

/* Options of a SYN-ACK or SYN with the places of what is filled in; ABSENT is no such option. */
struct greeting {
	__u8 length;
	__u8 mss_at;
	__u8 scale_at;
	__u8 stamp_at;
	__u16 window;
	__u8 rule;
	__u8 known;
	__u8 options[OPTIONS];
};

struct answer {
	__u8 mode;
	__u8 flags;
	__u8 seq;
	__u8 ack;
	__u8 ttl;
	__u8 df;
	__u16 window;
};

/* Of a host: the low half of its filters' classid (there is no more of it in an skb), and its address. */
struct key {
	__u32 class;
	__be32 address[4];	/* of IPv4 the first */
};

struct personality {
	__u32 stamp_hz;
	__u32 isn_mean;
	__u32 isn_dev;
	__u32 isn_gcd;
	__u32 isn_tick;		/* what half a second adds */
	__u16 mss;
	__u16 mss_absent;
	__u16 mss_least;
	__u8 mss_min_peer;
	__u8 scale;		/* window scale of answers to SEQ probes; ABSENT is none */
	__u8 isn_designed;
	__u8 acks;		/* whether `inbound` answers ACKs of no connection */
	__u8 ttl_tcp;
	__u8 ttl_rst;
	__u8 ttl_icmp;
	__u8 ttl_u1;
	__u8 ttl_udp;
	__u8 hops;		/* IPv6 */
	__u8 df_tcp;
	__u8 df_udp;
	__u8 ipid_tcp;
	__u8 ipid_closed;
	__u8 ipid_icmp;
	__u8 ipid_data;
	__u8 ipid_syn;
	__u8 ipid_shared;
	__u8 u1_mode;
	__u8 u1_df;
	__u8 u1_rid;
	__u8 u1_ripck;
	__u8 u1_ruck;
	__u16 u1_length;	/* of the whole ICMP error; 0 is the kernel's */
	__u8 ie_mode;
	__u8 ie_df;
	__u8 ie_code;
	__u8 ie_tos;
	struct answer answers[ANSWERS];
	struct greeting greetings[9];	/* by what was offered: 1 scale, 2 SACK, 4 timestamps; the ninth is its own SYN */
	__u32 counters[2];	/* IP-ID: of TCP or of everything, of ICMP. The only part that changes. */
};

#endif

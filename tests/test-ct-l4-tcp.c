/* SPDX-License-Identifier: Apache-2.0 */

/* TCP, as scripts of segments.
 *
 * A line of a script is one of
 *
 *     > FLAGS [seq=N] [ack=N] [win=N] [len=N] [ws=N] [sack[=L-R]] = EXPECTED
 *     < ...                        the same, from the other end
 *     + N                          N milliseconds pass
 *     ? [assured|unassured] [wscale=O,R] [flags=HEX,HEX]
 *     seqchk on|off
 *     set NAME VALUE               a switch (ct-switch.h)
 *
 * where EXPECTED is VERDICT [STATE TIMEOUT].  VERDICT is "new" if no
 * connection existed and this segment opens one, "ok", "inv", "restart" (and
 * it opens another), "end" (accepted, and the connection is over).  TIMEOUT is
 * "-" if the deadline stays.  Every script runs over IPv4 and IPv6. */

#include <config.h>

#include "ct-l4-test.h"

#include "ct-hash.h"
#include "ct-l4-tcp.h"

struct script {
    const char *name;
    const char *text;
};

static const struct script scripts[] = {
    { "open, talk and close",
      "> S  seq=1000 win=64000 ws=7 sack      = new SYN_SENT tcp_syn_sent\n"
      "? unassured\n"
      "< SA seq=5000 ack=1001 win=65000 ws=2 sack = ok SYN_RECV tcp_syn_recv\n"
      "? wscale=7,2\n"
      "> A  seq=1001 ack=5001 win=500 = ok ESTABLISHED tcp_established\n"
      "? assured\n"
      "> PA seq=1001 ack=5001 win=500 len=100 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "< A  seq=5001 ack=1101 win=500 = ok ESTABLISHED tcp_established\n"
      "< PA seq=5001 ack=1101 win=500 len=1400 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "> A  seq=1101 ack=6401 win=500 = ok ESTABLISHED tcp_established\n"
      "> FA seq=1101 ack=6401 win=500 = ok FIN_WAIT tcp_fin_wait\n"
      "? flags=37,23\n"
      "< A  seq=6401 ack=1102 win=500 = ok CLOSE_WAIT tcp_close_wait\n"
      "< FA seq=6401 ack=1102 win=500 = ok LAST_ACK tcp_last_ack\n"
      "> A  seq=1102 ack=6402 win=500 = ok TIME_WAIT tcp_time_wait\n"
      "> A  seq=1102 ack=6402 win=500 = ok TIME_WAIT tcp_time_wait\n" },

    { "the server closes first",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "< FA seq=5001 ack=1001 win=5000 = ok FIN_WAIT tcp_fin_wait\n"
      "> FA seq=1001 ack=5002 win=5000 = ok LAST_ACK tcp_last_ack\n"
      "< A  seq=5002 ack=1002 win=5000 = ok TIME_WAIT tcp_time_wait\n" },

    { "both close at once",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> FA seq=1001 ack=5001 win=5000 = ok FIN_WAIT tcp_fin_wait\n"
      "< FA seq=5001 ack=1001 win=5000 = ok LAST_ACK tcp_last_ack\n"
      "< A  seq=5002 ack=1002 win=5000 = ok TIME_WAIT tcp_time_wait\n"
      "> A  seq=1002 ack=5002 win=5000 = ok TIME_WAIT tcp_time_wait\n" },

    { "simultaneous open (RFC 9293 figure 7)",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< S  seq=5000 win=65000      = ok SYN_SENT2 -\n"
      "> SA seq=1000 ack=5001 win=64000 = ok SYN_RECV tcp_syn_recv\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV -\n"
      "< A  seq=5001 ack=1001 win=65000 = ok ESTABLISHED tcp_established\n"
      "> A  seq=1001 ack=5001 win=64000 = ok ESTABLISHED tcp_established\n"
      "? assured\n" },

    { "a SYN that nobody answers keeps nothing",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "+ 1000\n"
      "> S  seq=1000 win=64000      = ok SYN_SENT -\n"
      "+ 3000\n"
      "> S  seq=1000 win=64000      = ok SYN_SENT -\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n" },

    { "the answer to a SYN is a RST",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< RA seq=0 ack=1001 win=0    = end\n"
      "> S  seq=2000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< RA seq=0 ack=2001 win=0    = end\n" },

    { "the answer to a SYN is a RST that acknowledges something else",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< RA seq=0 ack=9999 win=0    = inv SYN_SENT -\n" },

    { "SYN-ACK and SYN again",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV -\n"
      "> S  seq=1000 win=64000      = ok SYN_RECV -\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "? assured\n" },

    { "three retransmissions",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_max_retrans\n"
      "< A  seq=5001 ack=1011 win=5000 = ok ESTABLISHED tcp_established\n" },

    { "a closed window",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=0 = ok ESTABLISHED tcp_max_retrans\n"
      "< A  seq=5001 ack=1001 win=5000 = ok ESTABLISHED tcp_established\n" },

    { "segments outside the window",
      "> S  seq=1000 win=1000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=1000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=1000 = ok ESTABLISHED tcp_established\n"
      "> PA seq=2001 ack=5001 win=1000 len=1 = ok ESTABLISHED "
      "tcp_unacknowledged\n"
      "> PA seq=4001 ack=5001 win=1000 len=1 = inv ESTABLISHED -\n"
      "> PA seq=1001 ack=5002 win=1000 len=1 = inv ESTABLISHED -\n"
      "< PA seq=1 ack=1001 win=1000 len=1 = ok ESTABLISHED -\n"
      "> PA seq=900000 ack=5001 win=1000 len=1 = inv ESTABLISHED -\n" },

    { "a little more than the window (RFC 9293 leaves no room for it)",
      "> S  seq=1000 win=1000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=1000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=1000 = ok ESTABLISHED tcp_established\n"
      "> PA seq=2002 ack=5001 win=1000 len=500 = ok ESTABLISHED -\n"
      "< A  seq=5001 ack=2502 win=1000 = ok ESTABLISHED tcp_established\n" },

    { "window scaling",
      "> S  seq=1000 win=1000 ws=2 = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=1000 ws=3 = ok SYN_RECV tcp_syn_recv\n"
      "? wscale=2,3\n"
      "> A  seq=1001 ack=5001 win=1000 = ok ESTABLISHED tcp_established\n"
      "< PA seq=9001 ack=1001 win=1000 len=1 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "> PA seq=9001 ack=5001 win=1000 len=1 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "< PA seq=99001 ack=1001 win=1000 len=1 = inv ESTABLISHED -\n" },

    { "only one end scales",
      "> S  seq=1000 win=1000 ws=9 = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=1000 = ok SYN_RECV tcp_syn_recv\n"
      "? wscale=0,0\n" },

    { "a scale above 14 (RFC 7323 section 2.3)",
      "> S  seq=1000 win=1000 ws=200 = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=1000 ws=15 = ok SYN_RECV tcp_syn_recv\n"
      "? wscale=14,14\n" },

    { "selective acknowledgments",
      "> S  seq=1000 win=64000 sack = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=64000 sack = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=64000 = ok ESTABLISHED tcp_established\n"
      "> PA seq=2001 ack=5001 win=64000 len=1000 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "< A  seq=5001 ack=1001 win=64000 sack=2001-3001 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "< A  seq=5001 ack=1001 win=64000 sack=2001-4001 = inv ESTABLISHED -\n"
      "> PA seq=1001 ack=5001 win=64000 len=1000 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "< A  seq=5001 ack=3001 win=64000 = ok ESTABLISHED tcp_established\n" },

    { "sequence numbers wrap",
      "> S  seq=4294967290 win=64000 = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=4294967295 ack=4294967291 win=64000 = ok SYN_RECV "
      "tcp_syn_recv\n"
      "> A  seq=4294967291 ack=0 win=64000 = ok ESTABLISHED "
      "tcp_established\n"
      "> PA seq=4294967291 ack=0 win=64000 len=100 = ok ESTABLISHED "
      "tcp_unacknowledged\n"
      "< A  seq=0 ack=95 win=64000 = ok ESTABLISHED tcp_established\n"
      "< PA seq=0 ack=95 win=64000 len=10 = ok ESTABLISHED "
      "tcp_unacknowledged\n"
      "> FA seq=95 ack=10 win=64000 = ok FIN_WAIT tcp_fin_wait\n" },

    { "no check of sequence numbers",
      "> S  seq=1000 win=1000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=1000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=1000 = ok ESTABLISHED tcp_established\n"
      "> PA seq=900000 ack=5001 win=1000 len=1 = inv ESTABLISHED -\n"
      "seqchk off\n"
      "> PA seq=900000 ack=5001 win=1000 len=1 "
      "= ok ESTABLISHED tcp_established\n"
      "seqchk on\n"
      "> PA seq=900000 ack=5001 win=1000 len=1 = inv ESTABLISHED -\n" },

    /* What OVS's unit test of the switch sends: the server's data come with
     * damaged numbers, far below the window, and are acknowledged.  Numbers
     * below the window are never invalid, acknowledgments of what nobody sent
     * are. */
    { "acknowledgment of data unseen, checks on",
      "> S  seq=1000 win=29200 = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=2083866244 ack=1001 win=24594 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=2083866245 win=29200 "
      "= ok ESTABLISHED tcp_established\n"
      "< PA seq=1 ack=0 win=29200 len=8 = ok ESTABLISHED -\n"
      "> A  seq=1001 ack=2083866253 win=29200 = inv ESTABLISHED -\n"
      "< FA seq=2083866253 ack=1001 win=29200 = ok FIN_WAIT tcp_fin_wait\n"
      "> A  seq=1001 ack=2083866254 win=29200 "
      "= ok CLOSE_WAIT tcp_close_wait\n"
      "> FA seq=1001 ack=2083866254 win=29200 = ok LAST_ACK tcp_last_ack\n"
      "< A  seq=2083866254 ack=1002 win=29200 "
      "= ok TIME_WAIT tcp_time_wait\n" },

    { "acknowledgment of data unseen, checks off",
      "seqchk off\n"
      "> S  seq=1000 win=29200 = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=2083866244 ack=1001 win=24594 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=2083866245 win=29200 "
      "= ok ESTABLISHED tcp_established\n"
      "< PA seq=1 ack=0 win=29200 len=8 = ok ESTABLISHED tcp_established\n"
      "> A  seq=1001 ack=2083866253 win=29200 "
      "= ok ESTABLISHED tcp_established\n"
      "< FA seq=2083866253 ack=1001 win=29200 = ok FIN_WAIT tcp_fin_wait\n"
      "> A  seq=1001 ack=2083866254 win=29200 "
      "= ok CLOSE_WAIT tcp_close_wait\n"
      "> FA seq=1001 ack=2083866254 win=29200 = ok LAST_ACK tcp_last_ack\n"
      "< A  seq=2083866254 ack=1002 win=29200 "
      "= ok TIME_WAIT tcp_time_wait\n"
      "seqchk on\n" },

    { "RST exactly where it is expected",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "< RA seq=5001 ack=1001 win=0 = ok CLOSE tcp_close\n" },

    { "tcp_loose off: only a SYN opens a connection",
      "set tcp_loose 0\n"
      "> A  seq=1001 ack=5001 win=5000 = inv\n"
      "> FA seq=1001 ack=5001 win=5000 = inv\n"
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "set tcp_loose 1\n" },

    { "tcp_be_liberal: a segment beyond the window is accepted",
      "> S  seq=1000 win=1000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=1000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=1000 = ok ESTABLISHED tcp_established\n"
      "> PA seq=999001 ack=5001 win=1000 len=10 = inv ESTABLISHED -\n"
      "set tcp_be_liberal 1\n"
      "> PA seq=999001 ack=5001 win=1000 len=10 "
      "= ok ESTABLISHED tcp_established\n"
      "set tcp_be_liberal 0\n"
      "> PA seq=999001 ack=5001 win=1000 len=10 = inv ESTABLISHED -\n" },

    { "tcp_max_retrans 1: the first retransmission",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "set tcp_max_retrans 1\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_max_retrans\n"
      "set tcp_max_retrans 3\n" },

    { "tcp_max_retrans 5: more than three retransmissions",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "set tcp_max_retrans 5\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_unacknowledged\n"
      "> PA seq=1001 ack=5001 win=5000 len=10 "
      "= ok ESTABLISHED tcp_max_retrans\n"
      "set tcp_max_retrans 3\n" },

    { "tcp_ignore_invalid_rst: passes, but ends no connection",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "set tcp_ignore_invalid_rst 1\n"
      "< R  seq=5000 win=0          = ok ESTABLISHED tcp_close\n"
      "set tcp_ignore_invalid_rst 0\n"
      "< R  seq=5000 win=0          = inv ESTABLISHED -\n" },

    { "RST before what was acknowledged (RFC 5961 section 3)",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "< R  seq=5000 win=0          = inv ESTABLISHED -\n"
      "< R  seq=4000 win=0          = inv ESTABLISHED -\n" },

    { "RST in the window, but not exact: the end will challenge it",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "< R  seq=5100 win=0          = ok ESTABLISHED tcp_close\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_unacknowledged\n"
      "< R  seq=5001 win=0          = ok CLOSE tcp_close\n" },

    { "RST beyond the window",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "< R  seq=995001 win=0        = inv ESTABLISHED -\n" },

    { "RST behind the segment just sent",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "< PA seq=5001 ack=1001 win=5000 len=19 = ok ESTABLISHED "
      "tcp_unacknowledged\n"
      "< RA seq=5020 ack=1001 win=5000 = ok CLOSE tcp_close\n" },

    { "two out-of-window resets in both directions shorten the time",
      "> S  seq=1000 win=1000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=1000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=1000 = ok ESTABLISHED tcp_established\n"
      "> FA seq=900000 ack=5001 win=1000 = inv ESTABLISHED -\n"
      "< RA seq=900000 ack=1001 win=1000 "
      "= inv ESTABLISHED tcp_unacknowledged\n"
      "> A  seq=1001 ack=5001 win=1000 = ok ESTABLISHED tcp_established\n" },

    { "reopened from TIME_WAIT (RFC 1122 section 4.2.2.13)",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> FA seq=1001 ack=5001 win=5000 = ok FIN_WAIT tcp_fin_wait\n"
      "< FA seq=5001 ack=1002 win=5000 = ok LAST_ACK tcp_last_ack\n"
      "> A  seq=1002 ack=5002 win=5000 = ok TIME_WAIT tcp_time_wait\n"
      "> S  seq=9000 win=64000      = restart SYN_SENT tcp_syn_sent\n"
      "? unassured\n"
      "< SA seq=7000 ack=9001 win=65000 = ok SYN_RECV tcp_syn_recv\n" },

    { "reopened from TIME_WAIT by the other end",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> FA seq=1001 ack=5001 win=5000 = ok FIN_WAIT tcp_fin_wait\n"
      "< FA seq=5001 ack=1002 win=5000 = ok LAST_ACK tcp_last_ack\n"
      "> A  seq=1002 ack=5002 win=5000 = ok TIME_WAIT tcp_time_wait\n"
      "< S  seq=9000 win=64000      = restart SYN_SENT tcp_syn_sent\n" },

    { "reopened after the client's own RST",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> R  seq=1001 win=0          = ok CLOSE tcp_close\n"
      "> S  seq=9000 win=64000      = restart SYN_SENT tcp_syn_sent\n" },

    { "after the server's RST a SYN is only noted; its answer is believed",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "< R  seq=5001 win=0          = ok CLOSE tcp_close\n"
      "> S  seq=9000 win=64000 ws=5 sack = ok CLOSE -\n"
      "< SA seq=7000 ack=9001 win=65000 ws=6 sack = ok SYN_RECV "
      "tcp_syn_recv\n"
      "? wscale=5,6 flags=03,23\n"
      "> A  seq=9001 ack=7001 win=5000 = ok ESTABLISHED tcp_established\n" },

    { "a client that lost its state, a server that did too",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> S  seq=700000 win=64000    = ok ESTABLISHED -\n"
      "< SA seq=800000 ack=700001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=700001 ack=800001 win=5000 = ok ESTABLISHED "
      "tcp_established\n" },

    { "a client that lost its state, a server that did not",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> S  seq=700000 win=64000    = ok ESTABLISHED -\n"
      "< A  seq=5001 ack=1001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> R  seq=1001 win=0          = ok CLOSE tcp_close\n" },

    { "a SYN in an established connection that draws a RST",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> S  seq=1001 win=64000      = ok ESTABLISHED -\n"
      "< RA seq=0 ack=1002 win=0    = ok CLOSE tcp_close\n" },

    { "a SYN and a RST that fit each other, but not the connection",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> S  seq=700000 win=64000    = ok ESTABLISHED -\n"
      "> RA seq=900000 ack=700001 win=0 = inv ESTABLISHED -\n"
      "< RA seq=900000 ack=700001 win=0 = inv ESTABLISHED "
      "tcp_unacknowledged\n" },

    { "a RST of the end that sent the last SYN",
      "> S seq=1000 win=5000        = new SYN_SENT tcp_syn_sent\n"
      "< S seq=5000 win=5000        = ok SYN_SENT2 -\n"
      "< R seq=900000 win=0         = inv SYN_SENT2 -\n"
      "> R seq=900000 win=0         = ok CLOSE tcp_close\n" },

    { "challenge ACK in LAST_ACK is not the last ACK (RFC 5961 section 4)",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> FA seq=1001 ack=5001 win=5000 = ok FIN_WAIT tcp_fin_wait\n"
      "< FA seq=5001 ack=1002 win=5000 = ok LAST_ACK tcp_last_ack\n"
      "> S  seq=700000 win=64000    = ok LAST_ACK -\n"
      "< A  seq=5002 ack=1002 win=5000 = ok LAST_ACK -\n"
      "> R  seq=1002 win=0          = ok CLOSE tcp_close\n" },

    { "half-open: the server's challenge ACK draws the client's RST",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< A  seq=777 ack=888 win=5000 = ok SYN_SENT -\n"
      "> R  seq=888 win=0           = ok CLOSE tcp_close\n" },

    { "picked up in the middle",
      "> A  seq=1000 ack=5000 win=10 len=5 "
      "= new ESTABLISHED tcp_max_retrans\n"
      "? flags=0a,0a\n"
      "< A  seq=5000 ack=1005 win=10 = ok ESTABLISHED tcp_unacknowledged\n"
      "< A  seq=95000 ack=1005 win=10 len=9 = ok ESTABLISHED "
      "tcp_established\n"
      "? assured\n"
      "> FA seq=1005 ack=95009 win=10 = ok FIN_WAIT tcp_fin_wait\n" },

    { "segments that open nothing",
      "> SA seq=1 ack=2 win=10      = inv\n"
      "> FA seq=1 ack=2 win=10      = inv\n"
      "> R  seq=1 win=10            = inv\n"
      "> RA seq=1 ack=2 win=10      = inv\n" },

    { "flags that no segment has",
      "> -  seq=1 win=10            = inv\n"
      "> F  seq=1 win=10            = inv\n"
      "> SF seq=1 win=10            = inv\n"
      "> SR seq=1 win=10            = inv\n"
      "> FR seq=1 win=10            = inv\n"
      "> SFA seq=1 win=10           = inv\n"
      "> FPU seq=1 win=10           = inv\n"
      "> U  seq=1 win=10            = inv\n"
      "> SAU seq=1 win=10           = inv\n"
      "> P  seq=1 win=10            = inv\n"
      "> SUEC seq=1 win=10          = new SYN_SENT tcp_syn_sent\n" },

    { "segments that fit no state",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "> A  seq=1001 ack=1 win=10   = inv SYN_SENT -\n"
      "> FA seq=1001 ack=1 win=10   = inv SYN_SENT -\n"
      "> SA seq=1000 ack=1 win=10   = inv SYN_SENT -\n"
      "< FA seq=5000 ack=1001 win=10 = inv SYN_SENT -\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "< S  seq=5000 win=65000      = inv SYN_RECV -\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "< S  seq=9000 win=65000      = inv ESTABLISHED -\n"
      "> SA seq=9000 ack=5001 win=65000 = inv ESTABLISHED -\n" },

    { "data in the SYN, and more before the answer (RFC 7413)",
      "> S  seq=1000 win=64000 len=100 = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1101 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1101 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n" },

    { "another SYN with newer numbers",
      "> S  seq=1000 win=64000 ws=7 = new SYN_SENT tcp_syn_sent\n"
      "> S  seq=2000 win=1000 ws=3  = ok SYN_SENT -\n"
      "< SA seq=5000 ack=2001 win=65000 ws=1 = ok SYN_RECV tcp_syn_recv\n"
      "? wscale=3,1\n"
      "> A  seq=2001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n" },

    { "keepalive",
      "> S  seq=1000 win=64000      = new SYN_SENT tcp_syn_sent\n"
      "< SA seq=5000 ack=1001 win=65000 = ok SYN_RECV tcp_syn_recv\n"
      "> A  seq=1001 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "> A  seq=1000 ack=5001 win=5000 = ok ESTABLISHED tcp_established\n"
      "< A  seq=5001 ack=1001 win=5000 = ok ESTABLISHED "
      "tcp_established\n" },
};

struct run {
    const struct script *script;
    bool ipv6;
    int line;
    struct ct_zone zone;
    struct ct_conn conn;
    bool have_conn;
    bool opened_from_reply;     /* By a "<" line. */
    bool from_reply;            /* The current line. */
    long long now;
};

static int n_failures;

static void
fail(const struct run *r, const char *what, const char *line)
{
    fprintf(stderr, "%s (%s), line %d: %s\n    %s\n", r->script->name,
            r->ipv6 ? "IPv6" : "IPv4", r->line, what, line);
    n_failures++;
}

struct segment {
    bool reply;
    uint8_t flags;
    uint32_t seq, ack, len;
    uint16_t win;
    int wscale;                 /* -1: none. */
    bool sack_perm;
    uint32_t sack[2];           /* If not both 0. */
};

static uint8_t
flags_from_string(const char *s)
{
    static const char letters[] = "FSRPAUEC";
    uint8_t flags = 0;

    for (; *s && *s != '-'; s++) {
        const char *p = strchr(letters, *s);

        assert(p);
        flags |= 1 << (p - letters);
    }
    return flags;
}

static void
parse_segment(const char *line, struct segment *s)
{
    char copy[256], *save, *word;

    memset(s, 0, sizeof *s);
    s->wscale = -1;
    s->reply = line[0] == '<';
    ovs_strlcpy(copy, line + 1, sizeof copy);
    word = strtok_r(copy, " ", &save);
    s->flags = flags_from_string(word);
    while ((word = strtok_r(NULL, " ", &save)) && strcmp(word, "=")) {
        if (!strncmp(word, "seq=", 4)) {
            s->seq = strtoul(word + 4, NULL, 10);
        } else if (!strncmp(word, "ack=", 4)) {
            s->ack = strtoul(word + 4, NULL, 10);
        } else if (!strncmp(word, "win=", 4)) {
            s->win = strtoul(word + 4, NULL, 10);
        } else if (!strncmp(word, "len=", 4)) {
            s->len = strtoul(word + 4, NULL, 10);
        } else if (!strncmp(word, "ws=", 3)) {
            s->wscale = strtoul(word + 3, NULL, 10);
        } else if (!strcmp(word, "sack")) {
            s->sack_perm = true;
        } else {
            assert(sscanf(word, "sack=%"SCNu32"-%"SCNu32, &s->sack[0],
                          &s->sack[1]) == 2);
        }
    }
}

static size_t
put_options(const struct segment *s, uint8_t *p)
{
    uint8_t *start = p;

    if (s->sack_perm) {
        memcpy(p, "\4\2\1\1", 4);
        p += 4;
    }
    if (s->wscale >= 0) {
        memcpy(p, "\3\3\0\1", 4);
        p[2] = s->wscale;
        p += 4;
    }
    if (s->sack[0] || s->sack[1]) {
        memcpy(p, "\1\1\5\12", 4);
        test_put32(p + 4, s->sack[0]);
        test_put32(p + 8, s->sack[1]);
        p += 12;
    }
    return p - start;
}

static void
make_packet(struct run *r, const struct segment *s,
            struct test_packet *packet)
{
    uint8_t bytes[20 + 40 + 2000];
    size_t header_len;

    memset(bytes, 0, sizeof bytes);
    assert(s->len <= 2000);
    test_put16(bytes, s->reply ? 80 : 40000);
    test_put16(bytes + 2, s->reply ? 40000 : 80);
    test_put32(bytes + 4, s->seq);
    test_put32(bytes + 8, s->ack);
    header_len = 20 + put_options(s, bytes + 20);
    bytes[12] = header_len / 4 << 4;
    bytes[13] = s->flags;
    test_put16(bytes + 14, s->win);
    test_packet_init(packet, r->ipv6, s->reply, IPPROTO_TCP, bytes,
                     header_len + s->len);
    test_set_checksum(packet, 16, true);
    r->from_reply = s->reply;
    packet->ct.dir = (s->reply == r->opened_from_reply
                      ? CT_DIR_ORIGINAL
                      : CT_DIR_REPLY);
    packet->ct.now = r->now;
    packet->ct.zone = &r->zone;
}

/* What ct_execute() does around a protocol. */
static enum ct_verdict
open_connection(struct run *r, struct ct_packet *packet)
{
    if (ct_l4_tcp.may_open(packet) != CT_VERDICT_ACCEPT) {
        return CT_VERDICT_INVALID;
    }
    memset(&r->conn, 0, sizeof r->conn);
    packet->dir = CT_DIR_ORIGINAL;
    r->opened_from_reply = r->from_reply;
    ct_l4_tcp.open(packet, &r->conn);
    r->have_conn = true;
    return ct_l4_tcp.update(packet, &r->conn);
}

static void
apply(struct run *r, const struct ct_packet *packet, enum ct_verdict verdict)
{
    uint64_t deadline;

    if (packet->timeout != CT_TIMEOUT_KEEP) {
        deadline = r->now + ct_timeouts_default.ms[packet->timeout];
        if (verdict != CT_VERDICT_INVALID || deadline < r->conn.deadline) {
            r->conn.deadline = deadline;
        }
    }
    if (verdict == CT_VERDICT_ACCEPT && packet->dir == CT_DIR_REPLY) {
        r->conn.status |= CT_DPIF_STATUS_SEEN_REPLY;
    }
}

static const char *
process(struct run *r, struct ct_packet *packet)
{
    enum ct_verdict verdict;

    if (!ct_l4_tcp.parse(packet)) {
        return "inv";
    }
    if (!r->have_conn) {
        verdict = open_connection(r, packet);
        if (verdict != CT_VERDICT_ACCEPT) {
            return "inv";
        }
        apply(r, packet, verdict);
        return "new";
    }
    verdict = ct_l4_tcp.update(packet, &r->conn);
    switch (verdict) {
    case CT_VERDICT_ACCEPT:
        apply(r, packet, verdict);
        return "ok";
    case CT_VERDICT_INVALID:
        apply(r, packet, verdict);
        return "inv";
    case CT_VERDICT_DELETE:
        r->have_conn = false;
        return "end";
    case CT_VERDICT_RESTART:
        assert(open_connection(r, packet) == CT_VERDICT_ACCEPT);
        apply(r, packet, CT_VERDICT_ACCEPT);
        return "restart";
    }
    OVS_NOT_REACHED();
}

static const char *
timeout_name(enum ct_timeout timeout)
{
    static const char *const names[] = {
#define CT_TIMEOUT(ENUM, NAME, SECONDS, ATTR) [CT_TIMEOUT_##ENUM] = NAME,
        CT_TIMEOUTS
#undef CT_TIMEOUT
    };

    return timeout == CT_TIMEOUT_KEEP ? "-" : names[timeout];
}

/* Makes the segment of 'line', and says in 'got' what became of it. */
static void
process_line(struct run *r, const char *line, char *got, size_t size)
{
    struct test_packet packet;
    struct segment segment;
    const char *verdict;

    parse_segment(line, &segment);
    make_packet(r, &segment, &packet);
    memset(test_counters, 0, sizeof test_counters);
    verdict = process(r, &packet.ct);
    if (!strcmp(verdict, "inv") == test_counted_nothing()) {
        fail(r, "invalid segments are counted, others are not", line);
    }
    if (r->have_conn) {
        snprintf(got, size, "%s %s %s", verdict,
                 ct_tcp_state_name(r->conn.l4_state),
                 timeout_name(packet.ct.timeout));
    } else {
        ovs_strlcpy(got, verdict, size);
    }
    test_packet_uninit(&packet);
}

static void
run_segment(struct run *r, const char *line)
{
    char got[128], words[128], expected[128] = "";
    char *save, *word;

    process_line(r, line, got, sizeof got);
    ovs_strlcpy(words, strstr(line, "= ") + 2, sizeof words);
    for (word = strtok_r(words, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        size_t n = strlen(expected);

        snprintf(expected + n, sizeof expected - n, "%s%s", n ? " " : "",
                 word);
    }
    if (strcmp(got, expected)) {
        fail(r, got, line);
    }
}

static void
run_question(struct run *r, const char *line)
{
    char copy[256], *save, *word;

    ovs_strlcpy(copy, line + 1, sizeof copy);
    for (word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        bool assured = r->conn.status & CT_DPIF_STATUS_ASSURED;
        struct ct_dpif_protoinfo info;
        unsigned int a, b;
        bool ok;

        memset(&info, 0, sizeof info);
        ct_l4_tcp.describe(&r->conn, &info);
        assert(info.proto == IPPROTO_TCP);
        if (!strcmp(word, "assured")) {
            ok = assured;
        } else if (!strcmp(word, "unassured")) {
            ok = !assured;
        } else if (sscanf(word, "wscale=%u,%u", &a, &b) == 2) {
            ok = info.tcp.wscale_orig == a && info.tcp.wscale_reply == b;
        } else {
            assert(sscanf(word, "flags=%x,%x", &a, &b) == 2);
            ok = info.tcp.flags_orig == a && info.tcp.flags_reply == b;
            if (!ok) {
                fprintf(stderr, "flags=%x,%x\n", info.tcp.flags_orig,
                        info.tcp.flags_reply);
            }
        }
        if (!ok) {
            fail(r, word, line);
        }
    }
}

static void
run_script(const struct script *script, bool ipv6)
{
    struct run r = { .script = script, .ipv6 = ipv6, .now = 1000000 };
    char *text = xstrdup(script->text);
    char *save, *line;

    ovsrcu_set_hidden(&r.zone.timeouts, &ct_timeouts_default);
    for (line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        r.line++;
        switch (line[0]) {
        case '<':
        case '>':
            run_segment(&r, line);
            break;
        case '+':
            r.now += atoi(line + 1);
            break;
        case '?':
            run_question(&r, line);
            break;
        case 's':
            if (!strncmp(line, "set ", 4)) {
                char name[64];
                unsigned int value;

                assert(sscanf(line, "set %63s %u", name, &value) == 2);
                test_switch(name, value);
                break;
            }
            /* Fall through. */
        default:
            assert(!strncmp(line, "seqchk ", 7));
            test_seq_chk = !strcmp(line + 7, "on");
        }
    }
    free(text);
}

/* Every state and class in both directions: the table holds nothing but
 * states, and what it says of a RST and of no flags at all is uniform. */
static void
test_table(void)
{
    for (int dir = 0; dir < CT_DIR_MAX; dir++) {
        for (int class = 0; class < CT_TCP_N_CLASSES; class++) {
            for (int state = 0; state < CT_TCP_N_STATES; state++) {
                uint8_t next = ct_tcp_transition(dir, class, state);

                assert(next <= CT_TCP_INVALID);
                assert(class != CT_TCP_CLASS_NONE || next == CT_TCP_INVALID);
                assert(class != CT_TCP_CLASS_RST
                       || next == (state ? CT_TCP_CLOSE : CT_TCP_INVALID));
                /* A reply opens nothing. */
                assert(dir == CT_DIR_ORIGINAL || state
                       || next == CT_TCP_INVALID);
            }
        }
    }
}

/* What the Linux kernel's connections look like in OVS. */
static void
test_describe(void)
{
    static const struct {
        enum ct_tcp_state state;
        const char *shown;
    } vectors[] = {
        { CT_TCP_SYN_SENT, "SYN_SENT" },
        { CT_TCP_SYN_SENT2, "SYN_SENT" },
        { CT_TCP_SYN_RECV, "ESTABLISHED" },
        { CT_TCP_ESTABLISHED, "ESTABLISHED" },
        { CT_TCP_FIN_WAIT, "FIN_WAIT_1" },
        { CT_TCP_CLOSE_WAIT, "CLOSE_WAIT" },
        { CT_TCP_LAST_ACK, "LAST_ACK" },
        { CT_TCP_TIME_WAIT, "TIME_WAIT" },
        { CT_TCP_CLOSE, "CLOSING" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        struct ct_conn conn = { .l4_state = vectors[i].state };
        struct ct_dpif_entry entry;
        struct ds ds = DS_EMPTY_INITIALIZER;
        char *expected;

        memset(&entry, 0, sizeof entry);
        entry.tuple_orig.l3_type = entry.tuple_reply.l3_type = AF_INET;
        entry.tuple_orig.ip_proto = entry.tuple_reply.ip_proto = IPPROTO_TCP;
        ct_l4_tcp.describe(&conn, &entry.protoinfo);
        ct_dpif_format_entry(&entry, &ds, false, false);
        expected = xasprintf("protoinfo=(state=%s)", vectors[i].shown);
        assert(strstr(ds_cstr(&ds), expected));
        free(expected);
        ds_destroy(&ds);
    }
}

static void
test_early_drop(void)
{
    for (int state = 0; state < CT_TCP_N_STATES; state++) {
        struct ct_conn conn = { .l4_state = state };
        bool closing = (state >= CT_TCP_FIN_WAIT && state <= CT_TCP_CLOSE);

        assert(ct_l4_tcp.can_early_drop(&conn) == closing);
    }
}

/* A header of every length, with every data offset, and options that lie
 * about their length: nothing behind the end is read, and nothing short is
 * believed. */
static void
test_hostile(void)
{
    uint8_t bytes[60];

    for (size_t len = 0; len <= sizeof bytes; len++) {
        for (int offset = 0; offset < 16; offset++) {
            struct test_packet packet;
            bool ok;

            memset(bytes, 0, sizeof bytes);
            bytes[12] = offset << 4;
            bytes[13] = TCP_SYN;
            test_packet_init(&packet, false, false, IPPROTO_TCP, bytes, len);
            if (len >= 20) {
                test_set_checksum(&packet, 16, true);
            }
            ok = ct_l4_tcp.parse(&packet.ct);
            assert(ok == (len >= 20 && offset >= 5 && offset * 4u <= len));
            assert(ok || test_counted(CT_C_INVALID_L4));
            test_packet_uninit(&packet);
        }
    }

    for (int kind = 0; kind < 256; kind++) {
        for (int option_len = 0; option_len < 256; option_len++) {
            for (size_t room = 4; room <= 40; room += 36) {
                static const uint8_t flags[] = { TCP_SYN, TCP_ACK };

                for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
                    struct test_packet packet;
                    struct ct_conn conn;

                    memset(bytes, 1, sizeof bytes);
                    bytes[12] = (20 + room) / 4 << 4;
                    bytes[13] = flags[i];
                    bytes[20] = kind;
                    bytes[21] = option_len;
                    test_packet_init(&packet, false, false, IPPROTO_TCP,
                                     bytes, 20 + room);
                    test_set_checksum(&packet, 16, true);
                    assert(ct_l4_tcp.parse(&packet.ct));
                    memset(&conn, 0, sizeof conn);
                    ct_l4_tcp.open(&packet.ct, &conn);
                    conn.l4_flags[CT_DIR_REPLY] |= CT_TCPF_SACK_PERM;
                    assert(ct_l4_tcp.update(&packet.ct, &conn)
                           == CT_VERDICT_ACCEPT);
                    test_packet_uninit(&packet);
                }
            }
        }
    }
    assert(test_counted_nothing());
}

static void
test_checksums(void)
{
    for (size_t len = 20; len < 1600; len += 13) {
        for (int ipv6 = 0; ipv6 < 2; ipv6++) {
            uint8_t bytes[1600];
            struct test_packet packet;
            struct ct_tuple tuple;

            for (size_t i = 0; i < len; i++) {
                bytes[i] = i * 37 + len;
            }
            bytes[12] = 0x50;
            bytes[13] = TCP_SYN;
            test_packet_init(&packet, ipv6, false, IPPROTO_TCP, bytes, len);
            tuple = packet.ct.tuple;
            test_set_checksum(&packet, 16, true);
            assert(ct_l4_tcp.parse(&packet.ct));

            packet.data[len - 1] ^= 0x10;
            packet.ct.tuple = tuple;
            assert(!ct_l4_tcp.parse(&packet.ct));
            assert(test_counted(CT_C_INVALID_CHECKSUM));

            /* The device says it is good, or that it will make it so. */
            *dp_packet_ol_flags_ptr(&packet.dp)
                |= DP_PACKET_OL_RX_L4_CKSUM_GOOD;
            assert(ct_l4_tcp.parse(&packet.ct));
            *dp_packet_ol_flags_ptr(&packet.dp) = 0;
            dp_packet_hwol_set_csum_tcp(&packet.dp);
            assert(ct_l4_tcp.parse(&packet.ct));

            /* The device says it is bad. */
            packet.data[len - 1] ^= 0x10;
            *dp_packet_ol_flags_ptr(&packet.dp)
                = DP_PACKET_OL_RX_L4_CKSUM_BAD;
            assert(!ct_l4_tcp.parse(&packet.ct));
            assert(test_counted(CT_C_INVALID_CHECKSUM));
            test_packet_uninit(&packet);
        }
    }
}

/* Copies scripts from stdin to stdout, with what the tracker makes of them as
 * expectations: for tests/oracle/ct-l4-tcp.py. */
static void
annotate(void)
{
    static const struct script script = { "stdin", "" };
    struct run r = { .script = &script, .now = 1000000 };
    char line[256], got[128];

    ovsrcu_set_hidden(&r.zone.timeouts, &ct_timeouts_default);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        r.line++;
        if (line[0] == '#') {
            r.have_conn = false;
            puts(line);
        } else {
            process_line(&r, line, got, sizeof got);
            printf("%s = %s\n", line, got);
        }
    }
}

static void
print_scripts(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        printf("# %s\n%s", scripts[i].name, scripts[i].text);
    }
}

int
main(int argc, char *argv[])
{
    ct_hash_init();
    if (argc > 1) {
        if (!strcmp(argv[1], "--print-scripts")) {
            print_scripts();
        } else if (!strcmp(argv[1], "--annotate")) {
            annotate();
        } else {
            return 2;
        }
        return 0;
    }
    test_table();
    test_describe();
    test_early_drop();
    test_hostile();
    test_checksums();
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        run_script(&scripts[i], false);
        run_script(&scripts[i], true);
    }
    return n_failures != 0;
}

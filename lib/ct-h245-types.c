/* SPDX-License-Identifier: Apache-2.0 */

/* H.245: logical channels. */

#include <config.h>

#include "ct-h323-types.h"

/* H.245 has a TransportAddress of its own, which is like H.225.0's but for
 * some "...". */

static const struct ct_per_type non_standards =
    CT_PER_LIST_OF(&ct_h245_non_standard);

static const struct ct_per_type two_octets = CT_PER_OCTETS(2, 2);
static const struct ct_per_type four_octets = CT_PER_OCTETS(4, 4);
static const struct ct_per_type six_octets = CT_PER_OCTETS(6, 6);
static const struct ct_per_type sixteen_octets = CT_PER_OCTETS(16, 16);
static const struct ct_per_type route = CT_PER_LIST_OF(&four_octets);

static const struct ct_per_type ip = {
    .kind = CT_PER_STRING, .emit = true, .bits = 8, .min = 4, .max = 4,
};
static const struct ct_per_type ip6 = {
    .kind = CT_PER_STRING, .emit = true, .bits = 8, .min = 16, .max = 16,
};

static const struct ct_per_type ip_addr = CT_PER_SEQ(
    CT_PER_FIELD(network, &ip, 0),
    CT_PER_FIELD(tsapIdentifier, &ct_per_u16, 0),
    CT_PER_MORE);

static const struct ct_per_type ipx_addr = CT_PER_SEQ(
    CT_PER_FIELD(node, &six_octets, 0),
    CT_PER_FIELD(netnum, &four_octets, 0),
    CT_PER_FIELD(tsapIdentifier, &two_octets, 0),
    CT_PER_MORE);

static const struct ct_per_type ip6_addr = CT_PER_SEQ(
    CT_PER_FIELD(network, &ip6, 0),
    CT_PER_FIELD(tsapIdentifier, &ct_per_u16, 0),
    CT_PER_MORE);

static const struct ct_per_type ip_source_route = CT_PER_SEQ(
    CT_PER_FIELD(routing: strict or loose, &ct_per_bool, 0),
    CT_PER_FIELD(network, &four_octets, 0),
    CT_PER_FIELD(tsapIdentifier, &ct_per_u16, 0),
    CT_PER_FIELD(route, &route, 0),
    CT_PER_MORE);

static const struct ct_per_type unicast = CT_PER_CHOICE_OF(
    CT_PER_FIELD(iPAddress, &ip_addr, 0),
    CT_PER_FIELD(iPXAddress, &ipx_addr, 0),
    CT_PER_FIELD(iP6Address, &ip6_addr, 0),
    CT_PER_FIELD(netBios, &sixteen_octets, 0),
    CT_PER_FIELD(iPSourceRouteAddress, &ip_source_route, 0),
    CT_PER_MORE);

static const struct ct_per_type ip_group = CT_PER_SEQ(
    CT_PER_FIELD(network, &four_octets, 0),
    CT_PER_FIELD(tsapIdentifier, &ct_per_u16, 0),
    CT_PER_MORE);

static const struct ct_per_type ip6_group = CT_PER_SEQ(
    CT_PER_FIELD(network, &sixteen_octets, 0),
    CT_PER_FIELD(tsapIdentifier, &ct_per_u16, 0),
    CT_PER_MORE);

static const struct ct_per_type multicast = CT_PER_CHOICE_OF(
    CT_PER_FIELD(iPAddress, &ip_group, 0),
    CT_PER_FIELD(iP6Address, &ip6_group, 0),
    CT_PER_MORE);

static const struct ct_per_type transport_addr = CT_PER_CHOICE_OF(
    CT_PER_FIELD(unicastAddress, &unicast, 0),
    CT_PER_FIELD(multicastAddress, &multicast, 0),
    CT_PER_MORE);

/* Multiplexing: that of other systems than H.323 has no addresses. */

static const struct ct_per_type pid = CT_PER_INT(0, 8191);
static const struct ct_per_type al3_octets = CT_PER_INT(0, 2);
static const struct ct_per_type up_to_2_24 = CT_PER_INT(0, (1 << 24) - 1);
static const struct ct_per_type n401 = CT_PER_INT(1, 4095);
static const struct ct_per_type window_size = CT_PER_INT(1, 127);
static const struct ct_per_type three_nulls = CT_PER_N_NULLS(3);

static const struct ct_per_type h222_params = CT_PER_SEQ(
    CT_PER_FIELD(resourceID, &ct_per_u16, 0),
    CT_PER_FIELD(subChannelID, &pid, 0),
    CT_PER_OPTION(pcr-pid, &pid, 0),
    CT_PER_OPTION(programDescriptors, &ct_per_octets, 0),
    CT_PER_OPTION(streamDescriptors, &ct_per_octets, 0),
    CT_PER_MORE);

static const struct ct_per_type al3 = CT_PER_SEQ(
    CT_PER_FIELD(controlFieldOctets, &al3_octets, 0),
    CT_PER_FIELD(sendBufferSize, &up_to_2_24, 0));

static const struct ct_per_type adaptation_layer = CT_PER_CHOICE_OF(
    CT_PER_FIELD(nonStandard, &ct_h245_non_standard, 0),
    CT_PER_FIELD(al1Framed, &ct_per_null, 0),
    CT_PER_FIELD(al1NotFramed, &ct_per_null, 0),
    CT_PER_FIELD(al2WithoutSequenceNumbers, &ct_per_null, 0),
    CT_PER_FIELD(al2WithSequenceNumbers, &ct_per_null, 0),
    CT_PER_FIELD(al3, &al3, 0),
    CT_PER_MORE);

static const struct ct_per_type h223_params = CT_PER_SEQ(
    CT_PER_FIELD(adaptationLayerType, &adaptation_layer, 0),
    CT_PER_FIELD(segmentableFlag, &ct_per_bool, 0),
    CT_PER_MORE);

static const struct ct_per_type hdlc_params = CT_PER_SEQ(
    CT_PER_FIELD(crcLength, &three_nulls, 0),
    CT_PER_FIELD(n401, &n401, 0),
    CT_PER_FIELD(loopbackTestProcedure, &ct_per_bool, 0),
    CT_PER_MORE);

static const struct ct_per_type erm = CT_PER_SEQ(
    CT_PER_FIELD(windowSize, &window_size, 0),
    CT_PER_FIELD(recovery, &three_nulls, 0),
    CT_PER_MORE);

static const struct ct_per_type v76_mode = CT_PER_CHOICE_OF(
    CT_PER_FIELD(eRM, &erm, 0),
    CT_PER_FIELD(uNERM, &ct_per_null, 0),
    CT_PER_MORE);

static const struct ct_per_type v75_params = CT_PER_SEQ(
    CT_PER_FIELD(audioHeaderPresent, &ct_per_bool, 0),
    CT_PER_MORE);

static const struct ct_per_type v76_params = CT_PER_SEQ(
    CT_PER_FIELD(hdlcParameters, &hdlc_params, 0),
    CT_PER_FIELD(suspendResume, &three_nulls, 0),
    CT_PER_FIELD(uIH, &ct_per_bool, 0),
    CT_PER_FIELD(mode, &v76_mode, 0),
    CT_PER_FIELD(v75Parameters, &v75_params, 0),
    CT_PER_MORE);

/* That of H.323.  It is an addition, so that what stands behind the addresses
 * need not be read. */

static const struct ct_per_type session_id = CT_PER_INT(1, UINT8_MAX);

static const struct ct_per_type h2250_params = CT_PER_SEQ(
    CT_PER_OPTION(nonStandard, &non_standards, 0),
    CT_PER_FIELD(sessionID, &ct_per_u8, 0),
    CT_PER_OPTION(associatedSessionID, &session_id, 0),
    CT_PER_OPTION(mediaChannel, &transport_addr, CT_H323_MEDIA),
    CT_PER_OPTION(mediaGuaranteedDelivery, &ct_per_bool, 0),
    CT_PER_OPTION(mediaControlChannel, &transport_addr, CT_H323_MEDIA),
    CT_PER_OPTION(mediaControlGuaranteedDelivery, &ct_per_rest, 0),
    CT_PER_OPTION(silenceSuppression, &ct_per_rest, 0),
    CT_PER_OPTION(destination, &ct_per_rest, 0),
    CT_PER_OPTION(dynamicRTPPayloadType, &ct_per_rest, 0),
    CT_PER_OPTION(mediaPacketization, &ct_per_rest, 0),
    CT_PER_MORE);

static const struct ct_per_type h2250_ack = CT_PER_SEQ(
    CT_PER_OPTION(nonStandard, &non_standards, 0),
    CT_PER_OPTION(sessionID, &session_id, 0),
    CT_PER_OPTION(mediaChannel, &transport_addr, CT_H323_MEDIA),
    CT_PER_OPTION(mediaControlChannel, &transport_addr, CT_H323_MEDIA),
    CT_PER_OPTION(dynamicRTPPayloadType, &ct_per_rest, 0),
    CT_PER_MORE);

/* T.120 has a connection of its own. */

static const struct ct_per_type two_nulls = CT_PER_N_NULLS(2);
static const struct ct_per_type e164 = CT_PER_STRING_OF(4, 1, 128);

static const struct ct_per_type network_addr = CT_PER_CHOICE_OF(
    CT_PER_FIELD(q2931Address, &ct_per_rest, 0),
    CT_PER_FIELD(e164Address, &e164, 0),
    CT_PER_FIELD(localAreaAddress, &transport_addr, CT_H323_STACK),
    CT_PER_MORE);

static const struct ct_per_type separate_stack = CT_PER_SEQ(
    CT_PER_OPTION(distribution, &two_nulls, 0),
    CT_PER_FIELD(networkAddress, &network_addr, 0),
    CT_PER_FIELD(associateConference, &ct_per_rest, 0),
    CT_PER_OPTION(externalReference, &ct_per_rest, 0),
    CT_PER_MORE);

/* Channels. */

static const struct ct_per_type channel_number = CT_PER_INT(1, UINT16_MAX);

static const struct ct_per_type forward_multiplex = CT_PER_CHOICE_OF(
    CT_PER_FIELD(h222LogicalChannelParameters, &h222_params, 0),
    CT_PER_FIELD(h223LogicalChannelParameters, &h223_params, 0),
    CT_PER_FIELD(v76LogicalChannelParameters, &v76_params, 0),
    CT_PER_MORE,
    CT_PER_FIELD(h2250LogicalChannelParameters, &h2250_params, 0));

static const struct ct_per_type forward = CT_PER_SEQ(
    CT_PER_OPTION(portNumber, &ct_per_u16, 0),
    CT_PER_FIELD(dataType, &ct_h245_data_type, 0),
    CT_PER_FIELD(multiplexParameters, &forward_multiplex, 0),
    CT_PER_MORE);

static const struct ct_per_type reverse_multiplex = CT_PER_CHOICE_OF(
    CT_PER_FIELD(h223LogicalChannelParameters, &h223_params, 0),
    CT_PER_FIELD(v76LogicalChannelParameters, &v76_params, 0),
    CT_PER_MORE,
    CT_PER_FIELD(h2250LogicalChannelParameters, &h2250_params, 0));

static const struct ct_per_type reverse = CT_PER_SEQ(
    CT_PER_FIELD(dataType, &ct_h245_data_type, 0),
    CT_PER_OPTION(multiplexParameters, &reverse_multiplex, 0),
    CT_PER_MORE);

static const struct ct_per_field open_fields[] = {
    CT_PER_FIELD(forwardLogicalChannelNumber, &channel_number, 0),
    CT_PER_FIELD(forwardLogicalChannelParameters, &forward, 0),
    CT_PER_OPTION(reverseLogicalChannelParameters, &reverse, 0),
    CT_PER_MORE,
    CT_PER_OPTION(separateStack, &separate_stack, 0),
    { .is = CT_PER_IS_END },
};

const struct ct_per_type ct_h245_open = {
    .kind = CT_PER_SEQUENCE, .emit = true, .fields = open_fields,
};

static const struct ct_per_type reverse_ack_multiplex = CT_PER_CHOICE_OF(
    CT_PER_FIELD(h222LogicalChannelParameters, &h222_params, 0),
    CT_PER_MORE,
    CT_PER_FIELD(h2250LogicalChannelParameters, &h2250_params, 0));

static const struct ct_per_type reverse_ack = CT_PER_SEQ(
    CT_PER_FIELD(reverseLogicalChannelNumber, &channel_number, 0),
    CT_PER_OPTION(portNumber, &ct_per_u16, 0),
    CT_PER_OPTION(multiplexParameters, &reverse_ack_multiplex, 0),
    CT_PER_MORE);

static const struct ct_per_type forward_ack = CT_PER_CHOICE_OF(
    CT_PER_FIELD(h2250LogicalChannelAckParameters, &h2250_ack, 0),
    CT_PER_MORE);

static const struct ct_per_field ack_fields[] = {
    CT_PER_FIELD(forwardLogicalChannelNumber, &channel_number, 0),
    CT_PER_OPTION(reverseLogicalChannelParameters, &reverse_ack, 0),
    CT_PER_MORE,
    CT_PER_OPTION(separateStack, &separate_stack, 0),
    CT_PER_OPTION(forwardMultiplexAckParameters, &forward_ack, 0),
    { .is = CT_PER_IS_END },
};

static const struct ct_per_type ack = {
    .kind = CT_PER_SEQUENCE, .emit = true, .fields = ack_fields,
};

/* Messages. */

static const struct ct_per_type request = CT_PER_CHOICE_OF(
    CT_PER_FIELD(nonStandard, &ct_per_rest, 0),
    CT_PER_FIELD(masterSlaveDetermination, &ct_per_rest, 0),
    CT_PER_FIELD(terminalCapabilitySet, &ct_per_rest, 0),
    CT_PER_FIELD(openLogicalChannel, &ct_h245_open, CT_H323_OPEN),
    CT_PER_FIELD(closeLogicalChannel, &ct_per_rest, 0),
    CT_PER_FIELD(requestChannelClose, &ct_per_rest, 0),
    CT_PER_FIELD(multiplexEntrySend, &ct_per_rest, 0),
    CT_PER_FIELD(requestMultiplexEntry, &ct_per_rest, 0),
    CT_PER_FIELD(requestMode, &ct_per_rest, 0),
    CT_PER_FIELD(roundTripDelayRequest, &ct_per_rest, 0),
    CT_PER_FIELD(maintenanceLoopRequest, &ct_per_rest, 0),
    CT_PER_MORE);

static const struct ct_per_type response = CT_PER_CHOICE_OF(
    CT_PER_FIELD(nonStandard, &ct_per_rest, 0),
    CT_PER_FIELD(masterSlaveDeterminationAck, &ct_per_rest, 0),
    CT_PER_FIELD(masterSlaveDeterminationReject, &ct_per_rest, 0),
    CT_PER_FIELD(terminalCapabilitySetAck, &ct_per_rest, 0),
    CT_PER_FIELD(terminalCapabilitySetReject, &ct_per_rest, 0),
    CT_PER_FIELD(openLogicalChannelAck, &ack, CT_H323_ACK),
    CT_PER_FIELD(openLogicalChannelReject, &ct_per_rest, 0),
    CT_PER_FIELD(closeLogicalChannelAck, &ct_per_rest, 0),
    CT_PER_FIELD(requestChannelCloseAck, &ct_per_rest, 0),
    CT_PER_FIELD(requestChannelCloseReject, &ct_per_rest, 0),
    CT_PER_FIELD(multiplexEntrySendAck, &ct_per_rest, 0),
    CT_PER_FIELD(multiplexEntrySendReject, &ct_per_rest, 0),
    CT_PER_FIELD(requestMultiplexEntryAck, &ct_per_rest, 0),
    CT_PER_FIELD(requestMultiplexEntryReject, &ct_per_rest, 0),
    CT_PER_FIELD(requestModeAck, &ct_per_rest, 0),
    CT_PER_FIELD(requestModeReject, &ct_per_rest, 0),
    CT_PER_FIELD(roundTripDelayResponse, &ct_per_rest, 0),
    CT_PER_FIELD(maintenanceLoopAck, &ct_per_rest, 0),
    CT_PER_FIELD(maintenanceLoopReject, &ct_per_rest, 0),
    CT_PER_MORE);

const struct ct_per_type ct_h245_message = CT_PER_CHOICE_OF(
    CT_PER_FIELD(request, &request, 0),
    CT_PER_FIELD(response, &response, 0),
    CT_PER_FIELD(command, &ct_per_rest, 0),
    CT_PER_FIELD(indication, &ct_per_rest, 0),
    CT_PER_MORE);

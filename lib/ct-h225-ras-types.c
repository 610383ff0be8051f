/* SPDX-License-Identifier: Apache-2.0 */

/* H.225.0: registration, admission and status (RAS). */

#include <config.h>

#include "ct-h323-types.h"

static const struct ct_per_type seq_num = CT_PER_INT(1, UINT16_MAX);
static const struct ct_per_type call_model = CT_PER_N_NULLS(2);
static const struct ct_per_type addrs =
    CT_PER_LIST_OF(&ct_h225_transport_addr);
static const struct ct_per_type time_to_live = {
    .kind = CT_PER_INTEGER, .emit = true, .min = 1, .max = UINT32_MAX,
};

static const struct ct_per_type gatekeeper_request = CT_PER_SEQ(
    CT_PER_FIELD(requestSeqNum, &seq_num, 0),
    CT_PER_FIELD(protocolIdentifier, &ct_h225_oid, 0),
    CT_PER_OPTION(nonStandardData, &ct_h225_non_standard, 0),
    CT_PER_FIELD(rasAddress, &ct_h225_transport_addr, CT_H323_RAS_ADDR),
    CT_PER_FIELD(endpointType, &ct_per_rest, 0),
    CT_PER_OPTION(gatekeeperIdentifier, &ct_per_rest, 0),
    CT_PER_OPTION(callServices, &ct_per_rest, 0),
    CT_PER_OPTION(endpointAlias, &ct_per_rest, 0),
    CT_PER_MORE);

static const struct ct_per_type gatekeeper_confirm = CT_PER_SEQ(
    CT_PER_FIELD(requestSeqNum, &seq_num, 0),
    CT_PER_FIELD(protocolIdentifier, &ct_h225_oid, 0),
    CT_PER_OPTION(nonStandardData, &ct_h225_non_standard, 0),
    CT_PER_OPTION(gatekeeperIdentifier, &ct_h225_identifier, 0),
    CT_PER_FIELD(rasAddress, &ct_h225_transport_addr, CT_H323_RAS_ADDR),
    CT_PER_MORE);

static const struct ct_per_type registration_request = CT_PER_SEQ(
    CT_PER_FIELD(requestSeqNum, &seq_num, 0),
    CT_PER_FIELD(protocolIdentifier, &ct_h225_oid, 0),
    CT_PER_OPTION(nonStandardData, &ct_h225_non_standard, 0),
    CT_PER_FIELD(discoveryComplete, &ct_per_bool, 0),
    CT_PER_FIELD(callSignalAddress, &addrs, CT_H323_SIGNAL),
    CT_PER_FIELD(rasAddress, &addrs, CT_H323_RAS_ADDR),
    CT_PER_FIELD(terminalType, &ct_h225_endpoint, 0),
    CT_PER_OPTION(terminalAlias, &ct_h225_aliases, 0),
    CT_PER_OPTION(gatekeeperIdentifier, &ct_h225_identifier, 0),
    CT_PER_FIELD(endpointVendor, &ct_h225_vendor, 0),
    CT_PER_MORE,
    CT_PER_SKIP(alternateEndpoints),
    CT_PER_OPTION(timeToLive, &time_to_live, CT_H323_TTL));

static const struct ct_per_type registration_confirm = CT_PER_SEQ(
    CT_PER_FIELD(requestSeqNum, &seq_num, 0),
    CT_PER_FIELD(protocolIdentifier, &ct_h225_oid, 0),
    CT_PER_OPTION(nonStandardData, &ct_h225_non_standard, 0),
    CT_PER_FIELD(callSignalAddress, &addrs, CT_H323_SIGNAL),
    CT_PER_OPTION(terminalAlias, &ct_h225_aliases, 0),
    CT_PER_OPTION(gatekeeperIdentifier, &ct_h225_identifier, 0),
    CT_PER_FIELD(endpointIdentifier, &ct_h225_identifier, 0),
    CT_PER_MORE,
    CT_PER_SKIP(alternateGatekeeper),
    CT_PER_OPTION(timeToLive, &time_to_live, CT_H323_TTL));

static const struct ct_per_type unregistration_request = CT_PER_SEQ(
    CT_PER_FIELD(requestSeqNum, &seq_num, 0),
    CT_PER_FIELD(callSignalAddress, &addrs, CT_H323_SIGNAL),
    CT_PER_OPTION(endpointAlias, &ct_per_rest, 0),
    CT_PER_OPTION(nonStandardData, &ct_per_rest, 0),
    CT_PER_OPTION(endpointIdentifier, &ct_per_rest, 0),
    CT_PER_MORE);

static const struct ct_per_type admission_request = CT_PER_SEQ(
    CT_PER_FIELD(requestSeqNum, &seq_num, 0),
    CT_PER_FIELD(callType, &ct_h225_call_type, 0),
    CT_PER_OPTION(callModel, &call_model, 0),
    CT_PER_FIELD(endpointIdentifier, &ct_h225_identifier, 0),
    CT_PER_OPTION(destinationInfo, &ct_h225_aliases, 0),
    CT_PER_OPTION(destCallSignalAddress, &ct_h225_transport_addr,
                  CT_H323_DEST),
    CT_PER_OPTION(destExtraCallInfo, &ct_h225_aliases, 0),
    CT_PER_FIELD(srcInfo, &ct_h225_aliases, 0),
    CT_PER_OPTION(srcCallSignalAddress, &ct_h225_transport_addr,
                  CT_H323_SOURCE),
    CT_PER_FIELD(bandWidth, &ct_per_rest, 0),
    CT_PER_FIELD(callReferenceValue, &ct_per_rest, 0),
    CT_PER_OPTION(nonStandardData, &ct_per_rest, 0),
    CT_PER_OPTION(callServices, &ct_per_rest, 0),
    CT_PER_FIELD(conferenceID, &ct_per_rest, 0),
    CT_PER_FIELD(activeMC, &ct_per_rest, 0),
    CT_PER_FIELD(answerCall, &ct_per_rest, 0),
    CT_PER_MORE);

static const struct ct_per_type admission_confirm = CT_PER_SEQ(
    CT_PER_FIELD(requestSeqNum, &seq_num, 0),
    CT_PER_FIELD(bandWidth, &ct_per_u32, 0),
    CT_PER_FIELD(callModel, &call_model, 0),
    CT_PER_FIELD(destCallSignalAddress, &ct_h225_transport_addr,
                 CT_H323_DEST),
    CT_PER_OPTION(irrFrequency, &ct_per_rest, 0),
    CT_PER_OPTION(nonStandardData, &ct_per_rest, 0),
    CT_PER_MORE);

static const struct ct_per_type location_request = CT_PER_SEQ(
    CT_PER_FIELD(requestSeqNum, &seq_num, 0),
    CT_PER_OPTION(endpointIdentifier, &ct_h225_identifier, 0),
    CT_PER_FIELD(destinationInfo, &ct_h225_aliases, 0),
    CT_PER_OPTION(nonStandardData, &ct_h225_non_standard, 0),
    CT_PER_FIELD(replyAddress, &ct_h225_transport_addr, CT_H323_RAS_ADDR),
    CT_PER_MORE);

static const struct ct_per_type location_confirm = CT_PER_SEQ(
    CT_PER_FIELD(requestSeqNum, &seq_num, 0),
    CT_PER_FIELD(callSignalAddress, &ct_h225_transport_addr, CT_H323_SIGNAL),
    CT_PER_FIELD(rasAddress, &ct_per_rest, 0),
    CT_PER_OPTION(nonStandardData, &ct_per_rest, 0),
    CT_PER_MORE);

static const struct ct_per_type info_request_response = CT_PER_SEQ(
    CT_PER_OPTION(nonStandardData, &ct_h225_non_standard, 0),
    CT_PER_FIELD(requestSeqNum, &seq_num, 0),
    CT_PER_FIELD(endpointType, &ct_h225_endpoint, 0),
    CT_PER_FIELD(endpointIdentifier, &ct_h225_identifier, 0),
    CT_PER_FIELD(rasAddress, &ct_h225_transport_addr, CT_H323_RAS_ADDR),
    CT_PER_FIELD(callSignalAddress, &addrs, CT_H323_SIGNAL),
    CT_PER_OPTION(endpointAlias, &ct_per_rest, 0),
    CT_PER_OPTION(perCallInfo, &ct_per_rest, 0),
    CT_PER_MORE);

/* Those without a table of their own have no address that matters.  The order
 * is that of enum ct_h323_ras. */
static const struct ct_per_field messages[] = {
    CT_PER_FIELD(gatekeeperRequest, &gatekeeper_request, 0),
    CT_PER_FIELD(gatekeeperConfirm, &gatekeeper_confirm, 0),
    CT_PER_FIELD(gatekeeperReject, &ct_per_rest, 0),
    CT_PER_FIELD(registrationRequest, &registration_request, 0),
    CT_PER_FIELD(registrationConfirm, &registration_confirm, 0),
    CT_PER_FIELD(registrationReject, &ct_per_rest, 0),
    CT_PER_FIELD(unregistrationRequest, &unregistration_request, 0),
    CT_PER_FIELD(unregistrationConfirm, &ct_per_rest, 0),
    CT_PER_FIELD(unregistrationReject, &ct_per_rest, 0),
    CT_PER_FIELD(admissionRequest, &admission_request, 0),
    CT_PER_FIELD(admissionConfirm, &admission_confirm, 0),
    CT_PER_FIELD(admissionReject, &ct_per_rest, 0),
    CT_PER_FIELD(bandwidthRequest, &ct_per_rest, 0),
    CT_PER_FIELD(bandwidthConfirm, &ct_per_rest, 0),
    CT_PER_FIELD(bandwidthReject, &ct_per_rest, 0),
    CT_PER_FIELD(disengageRequest, &ct_per_rest, 0),
    CT_PER_FIELD(disengageConfirm, &ct_per_rest, 0),
    CT_PER_FIELD(disengageReject, &ct_per_rest, 0),
    CT_PER_FIELD(locationRequest, &location_request, 0),
    CT_PER_FIELD(locationConfirm, &location_confirm, 0),
    CT_PER_FIELD(locationReject, &ct_per_rest, 0),
    CT_PER_FIELD(infoRequest, &ct_per_rest, 0),
    CT_PER_FIELD(infoRequestResponse, &info_request_response, 0),
    CT_PER_FIELD(nonStandardMessage, &ct_per_rest, 0),
    CT_PER_FIELD(unknownMessageResponse, &ct_per_rest, 0),
    CT_PER_MORE,
    { .is = CT_PER_IS_END },
};

static const struct ct_per_type ras = {
    .kind = CT_PER_CHOICE, .emit = true, .fields = messages,
};

/* A SEQUENCE of one field takes no bits of its own: it is there for the
 * mark. */
const struct ct_per_type ct_h225_ras = CT_PER_SEQ(
    CT_PER_FIELD(message, &ras, CT_H323_RAS));

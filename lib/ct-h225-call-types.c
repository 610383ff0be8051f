/* SPDX-License-Identifier: Apache-2.0 */

/* H.225.0: call signalling. */

#include <config.h>

#include "ct-h323-types.h"

/* H.245 in call signalling: channels that are proposed at once, and whole
 * messages. */

static const struct ct_per_type channel = CT_PER_CONTAINER_OF(&ct_h245_open);
static const struct ct_per_type fast_start = {
    .kind = CT_PER_LIST, .max = CT_PER_UNBOUNDED,
    CT_PER_FIELDS(CT_PER_FIELD(one, &channel, CT_H323_OPEN)),
};

static const struct ct_per_type message =
    CT_PER_CONTAINER_OF(&ct_h245_message);
static const struct ct_per_type h245_control = CT_PER_LIST_OF(&message);

/* What bodies have. */

static const struct ct_per_type crvs = CT_PER_LIST_OF(&ct_per_u16);
static const struct ct_per_type conference_goal = CT_PER_N_NULLS(3);
static const struct ct_per_type release_reason = CT_PER_N_NULLS(12);
static const struct ct_per_type facility_reason = {
    .kind = CT_PER_NULLS, .emit = true, .max = 3,
};

static const struct ct_per_type call_identifier = CT_PER_SEQ(
    CT_PER_FIELD(guid, &ct_h225_guid, 0),
    CT_PER_MORE);

static const struct ct_per_type security_mode = CT_PER_CHOICE_OF(
    CT_PER_FIELD(nonStandard, &ct_h225_non_standard, 0),
    CT_PER_FIELD(none, &ct_per_null, 0),
    CT_PER_FIELD(default, &ct_per_null, 0),
    CT_PER_MORE);

static const struct ct_per_type security_capabilities = CT_PER_SEQ(
    CT_PER_OPTION(nonStandard, &ct_h225_non_standard, 0),
    CT_PER_FIELD(encryption, &security_mode, 0),
    CT_PER_FIELD(authentication, &security_mode, 0),
    CT_PER_FIELD(integrity, &security_mode, 0),
    CT_PER_MORE);

static const struct ct_per_type h245_security = CT_PER_CHOICE_OF(
    CT_PER_FIELD(nonStandard, &ct_h225_non_standard, 0),
    CT_PER_FIELD(noSecurity, &ct_per_null, 0),
    CT_PER_FIELD(tls, &security_capabilities, 0),
    CT_PER_FIELD(ipsec, &security_capabilities, 0),
    CT_PER_MORE);

static const struct ct_per_type clear_tokens =
    CT_PER_LIST_OF(&ct_h235_clear_token);
static const struct ct_per_type crypto_tokens =
    CT_PER_LIST_OF(&ct_h235_crypto_token);

/* Bodies. */

static const struct ct_per_type setup = CT_PER_SEQ(
    CT_PER_FIELD(protocolIdentifier, &ct_h225_oid, 0),
    CT_PER_OPTION(h245Address, &ct_h225_transport_addr, CT_H323_H245),
    CT_PER_OPTION(sourceAddress, &ct_h225_aliases, 0),
    CT_PER_FIELD(sourceInfo, &ct_h225_endpoint, 0),
    CT_PER_OPTION(destinationAddress, &ct_h225_aliases, 0),
    CT_PER_OPTION(destCallSignalAddress, &ct_h225_transport_addr,
                  CT_H323_DEST),
    CT_PER_OPTION(destExtraCallInfo, &ct_h225_aliases, 0),
    CT_PER_OPTION(destExtraCRV, &crvs, 0),
    CT_PER_FIELD(activeMC, &ct_per_bool, 0),
    CT_PER_FIELD(conferenceID, &ct_h225_guid, 0),
    CT_PER_FIELD(conferenceGoal, &conference_goal, 0),
    CT_PER_OPTION(callServices, &ct_h225_qseries, 0),
    CT_PER_FIELD(callType, &ct_h225_call_type, 0),
    CT_PER_MORE,
    CT_PER_OPTION(sourceCallSignalAddress, &ct_h225_transport_addr,
                  CT_H323_SOURCE),
    CT_PER_SKIP(remoteExtensionAddress),
    CT_PER_SKIP(callIdentifier),
    CT_PER_SKIP(h245SecurityCapability),
    CT_PER_SKIP(tokens),
    CT_PER_SKIP(cryptoTokens),
    CT_PER_OPTION(fastStart, &fast_start, 0),
    CT_PER_SKIP(mediaWaitForConnect),
    CT_PER_SKIP(canOverlapSend),
    CT_PER_SKIP(endpointIdentifier),
    CT_PER_SKIP(multipleCalls),
    CT_PER_SKIP(maintainConnection),
    CT_PER_SKIP(connectionParameters),
    CT_PER_SKIP(language),
    CT_PER_SKIP(presentationIndicator),
    CT_PER_SKIP(screeningIndicator),
    CT_PER_SKIP(serviceControl),
    CT_PER_SKIP(symmetricOperationRequired),
    CT_PER_SKIP(capacity),
    CT_PER_SKIP(circuitInfo),
    CT_PER_SKIP(desiredProtocols),
    CT_PER_SKIP(neededFeatures),
    CT_PER_SKIP(desiredFeatures),
    CT_PER_SKIP(supportedFeatures),
    CT_PER_OPTION(parallelH245Control, &h245_control, 0));

/* CallProceeding and Alerting, as far as they matter. */
static const struct ct_per_type proceeding = CT_PER_SEQ(
    CT_PER_FIELD(protocolIdentifier, &ct_h225_oid, 0),
    CT_PER_FIELD(destinationInfo, &ct_h225_endpoint, 0),
    CT_PER_OPTION(h245Address, &ct_h225_transport_addr, CT_H323_H245),
    CT_PER_MORE,
    CT_PER_SKIP(callIdentifier),
    CT_PER_SKIP(h245SecurityMode),
    CT_PER_SKIP(tokens),
    CT_PER_SKIP(cryptoTokens),
    CT_PER_OPTION(fastStart, &fast_start, 0));

static const struct ct_per_type connect_ = CT_PER_SEQ(
    CT_PER_FIELD(protocolIdentifier, &ct_h225_oid, 0),
    CT_PER_OPTION(h245Address, &ct_h225_transport_addr, CT_H323_H245),
    CT_PER_FIELD(destinationInfo, &ct_h225_endpoint, 0),
    CT_PER_FIELD(conferenceID, &ct_h225_guid, 0),
    CT_PER_MORE,
    CT_PER_SKIP(callIdentifier),
    CT_PER_SKIP(h245SecurityMode),
    CT_PER_SKIP(tokens),
    CT_PER_SKIP(cryptoTokens),
    CT_PER_OPTION(fastStart, &fast_start, 0));

static const struct ct_per_type information = CT_PER_SEQ(
    CT_PER_FIELD(protocolIdentifier, &ct_h225_oid, 0),
    CT_PER_MORE,
    CT_PER_SKIP(callIdentifier),
    CT_PER_SKIP(tokens),
    CT_PER_SKIP(cryptoTokens),
    CT_PER_OPTION(fastStart, &fast_start, 0));

static const struct ct_per_type release = CT_PER_SEQ(
    CT_PER_FIELD(protocolIdentifier, &ct_h225_oid, 0),
    CT_PER_OPTION(reason, &release_reason, 0),
    CT_PER_MORE);

static const struct ct_per_type facility = CT_PER_SEQ(
    CT_PER_FIELD(protocolIdentifier, &ct_h225_oid, 0),
    CT_PER_OPTION(alternativeAddress, &ct_h225_transport_addr,
                  CT_H323_FORWARD),
    CT_PER_OPTION(alternativeAliasAddress, &ct_h225_aliases, 0),
    CT_PER_OPTION(conferenceID, &ct_h225_guid, 0),
    CT_PER_FIELD(reason, &facility_reason, CT_H323_REASON),
    CT_PER_MORE,
    CT_PER_SKIP(callIdentifier),
    CT_PER_SKIP(destExtraCallInfo),
    CT_PER_SKIP(remoteExtensionAddress),
    CT_PER_SKIP(tokens),
    CT_PER_SKIP(cryptoTokens),
    CT_PER_SKIP(conferences),
    CT_PER_OPTION(h245Address, &ct_h225_transport_addr, CT_H323_H245),
    CT_PER_OPTION(fastStart, &fast_start, 0));

/* Here fastStart is no addition: all tokens before it have to be read. */
static const struct ct_per_type progress = CT_PER_SEQ(
    CT_PER_FIELD(protocolIdentifier, &ct_h225_oid, 0),
    CT_PER_FIELD(destinationInfo, &ct_h225_endpoint, 0),
    CT_PER_OPTION(h245Address, &ct_h225_transport_addr, CT_H323_H245),
    CT_PER_FIELD(callIdentifier, &call_identifier, 0),
    CT_PER_OPTION(h245SecurityMode, &h245_security, 0),
    CT_PER_OPTION(tokens, &clear_tokens, 0),
    CT_PER_OPTION(cryptoTokens, &crypto_tokens, 0),
    CT_PER_OPTION(fastStart, &fast_start, 0),
    CT_PER_MORE);

static const struct ct_per_type body = CT_PER_CHOICE_OF(
    CT_PER_FIELD(setup, &setup, 0),
    CT_PER_FIELD(callProceeding, &proceeding, 0),
    CT_PER_FIELD(connect, &connect_, 0),
    CT_PER_FIELD(alerting, &proceeding, 0),
    CT_PER_FIELD(information, &information, 0),
    CT_PER_FIELD(releaseComplete, &release, 0),
    CT_PER_FIELD(facility, &facility, 0),
    CT_PER_MORE,
    CT_PER_FIELD(progress, &progress, 0));

static const struct ct_per_type uu_pdu = CT_PER_SEQ(
    CT_PER_FIELD(h323-message-body, &body, 0),
    CT_PER_OPTION(nonStandardData, &ct_h225_non_standard, 0),
    CT_PER_MORE,
    CT_PER_SKIP(h4501SupplementaryService),
    CT_PER_SKIP(h245Tunnelling),
    CT_PER_OPTION(h245Control, &h245_control, 0));

const struct ct_per_type ct_h225_call = CT_PER_SEQ(
    CT_PER_FIELD(h323-uu-pdu, &uu_pdu, 0),
    CT_PER_OPTION(user-data, &ct_per_rest, 0),
    CT_PER_MORE);

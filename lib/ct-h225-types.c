/* SPDX-License-Identifier: Apache-2.0 */

/* H.225.0: what call signalling and RAS have in common. */

#include <config.h>

#include "ct-h323-types.h"

static const struct ct_per_type h221_non_standard = CT_PER_SEQ(
    CT_PER_FIELD(t35CountryCode, &ct_per_u8, 0),
    CT_PER_FIELD(t35Extension, &ct_per_u8, 0),
    CT_PER_FIELD(manufacturerCode, &ct_per_u16, 0),
    CT_PER_MORE);

static const struct ct_per_type non_standard_identifier = CT_PER_CHOICE_OF(
    CT_PER_FIELD(object, &ct_h225_oid, 0),
    CT_PER_FIELD(h221NonStandard, &h221_non_standard, 0),
    CT_PER_MORE);

const struct ct_per_type ct_h225_non_standard = CT_PER_SEQ(
    CT_PER_FIELD(nonStandardIdentifier, &non_standard_identifier, 0),
    CT_PER_FIELD(data, &ct_per_octets, 0));

/* Addresses.  Those with a source route are none of interest, as in the
 * kernel. */

static const struct ct_per_type two_octets = CT_PER_OCTETS(2, 2);
static const struct ct_per_type four_octets = CT_PER_OCTETS(4, 4);
static const struct ct_per_type six_octets = CT_PER_OCTETS(6, 6);
static const struct ct_per_type nsap = CT_PER_OCTETS(1, 20);
static const struct ct_per_type route = CT_PER_LIST_OF(&four_octets);
static const struct ct_per_type routing = CT_PER_N_NULLS(2);

static const struct ct_per_type ip = {
    .kind = CT_PER_STRING, .emit = true, .bits = 8, .min = 4, .max = 4,
};
static const struct ct_per_type ip6 = {
    .kind = CT_PER_STRING, .emit = true, .bits = 8, .min = 16, .max = 16,
};

static const struct ct_per_type ip_addr = CT_PER_SEQ(
    CT_PER_FIELD(ip, &ip, 0),
    CT_PER_FIELD(port, &ct_per_u16, 0));

static const struct ct_per_type ip_source_route = CT_PER_SEQ(
    CT_PER_FIELD(ip, &four_octets, 0),
    CT_PER_FIELD(port, &ct_per_u16, 0),
    CT_PER_FIELD(route, &route, 0),
    CT_PER_FIELD(routing, &routing, 0),
    CT_PER_MORE);

static const struct ct_per_type ipx_addr = CT_PER_SEQ(
    CT_PER_FIELD(node, &six_octets, 0),
    CT_PER_FIELD(netnum, &four_octets, 0),
    CT_PER_FIELD(port, &two_octets, 0));

static const struct ct_per_type ip6_addr = CT_PER_SEQ(
    CT_PER_FIELD(ip, &ip6, 0),
    CT_PER_FIELD(port, &ct_per_u16, 0),
    CT_PER_MORE);

const struct ct_per_type ct_h225_transport_addr = CT_PER_CHOICE_OF(
    CT_PER_FIELD(ipAddress, &ip_addr, 0),
    CT_PER_FIELD(ipSourceRoute, &ip_source_route, 0),
    CT_PER_FIELD(ipxAddress, &ipx_addr, 0),
    CT_PER_FIELD(ip6Address, &ip6_addr, 0),
    CT_PER_FIELD(netBios, &ct_h225_guid, 0),
    CT_PER_FIELD(nsap, &nsap, 0),
    CT_PER_FIELD(nonStandardAddress, &ct_h225_non_standard, 0),
    CT_PER_MORE);

/* Names. */

static const struct ct_per_type digits = CT_PER_STRING_OF(4, 1, 128);
static const struct ct_per_type h323_id = CT_PER_STRING_OF(16, 1, 256);

const struct ct_per_type ct_h225_alias = CT_PER_CHOICE_OF(
    CT_PER_FIELD(dialledDigits, &digits, 0),
    CT_PER_FIELD(h323-ID, &h323_id, 0),
    CT_PER_MORE);

const struct ct_per_type ct_h225_aliases = CT_PER_LIST_OF(&ct_h225_alias);

/* 16 octets, as netBios has them, too. */
const struct ct_per_type ct_h225_guid = CT_PER_OCTETS(16, 16);

/* Of a gatekeeper or endpoint. */
const struct ct_per_type ct_h225_identifier = CT_PER_STRING_OF(16, 1, 128);

/* Endpoints. */

static const struct ct_per_type product = CT_PER_OCTETS(1, 256);

const struct ct_per_type ct_h225_vendor = CT_PER_SEQ(
    CT_PER_FIELD(vendor, &h221_non_standard, 0),
    CT_PER_OPTION(productId, &product, 0),
    CT_PER_OPTION(versionId, &product, 0),
    CT_PER_MORE);

/* GatekeeperInfo, McuInfo, TerminalInfo and the capabilities of
 * SupportedProtocols. */
static const struct ct_per_type info = CT_PER_SEQ(
    CT_PER_OPTION(nonStandardData, &ct_h225_non_standard, 0),
    CT_PER_MORE);

static const struct ct_per_type protocol = CT_PER_CHOICE_OF(
    CT_PER_FIELD(nonStandardData, &ct_h225_non_standard, 0),
    CT_PER_FIELD(h310, &info, 0),
    CT_PER_FIELD(h320, &info, 0),
    CT_PER_FIELD(h321, &info, 0),
    CT_PER_FIELD(h322, &info, 0),
    CT_PER_FIELD(h323, &info, 0),
    CT_PER_FIELD(h324, &info, 0),
    CT_PER_FIELD(voice, &info, 0),
    CT_PER_FIELD(t120-only, &info, 0),
    CT_PER_MORE);

static const struct ct_per_type protocols = CT_PER_LIST_OF(&protocol);

static const struct ct_per_type gateway = CT_PER_SEQ(
    CT_PER_OPTION(protocol, &protocols, 0),
    CT_PER_OPTION(nonStandardData, &ct_h225_non_standard, 0),
    CT_PER_MORE);

const struct ct_per_type ct_h225_endpoint = CT_PER_SEQ(
    CT_PER_OPTION(nonStandardData, &ct_h225_non_standard, 0),
    CT_PER_OPTION(vendor, &ct_h225_vendor, 0),
    CT_PER_OPTION(gatekeeper, &info, 0),
    CT_PER_OPTION(gateway, &gateway, 0),
    CT_PER_OPTION(mcu, &info, 0),
    CT_PER_OPTION(terminal, &info, 0),
    CT_PER_FIELD(mc, &ct_per_bool, 0),
    CT_PER_FIELD(undefinedNode, &ct_per_bool, 0),
    CT_PER_MORE);

/* Calls. */

/* Seven of them one behind the other are as good as one number. */
static const struct ct_per_type seven_bools = CT_PER_INT(0, 127);

static const struct ct_per_type q954_details = CT_PER_SEQ(
    CT_PER_FIELD(conferenceCalling, &ct_per_bool, 0),
    CT_PER_FIELD(threePartyService, &ct_per_bool, 0),
    CT_PER_MORE);

const struct ct_per_type ct_h225_qseries = CT_PER_SEQ(
    CT_PER_FIELD(q932Full ... q957Full, &seven_bools, 0),
    CT_PER_FIELD(q954Info, &q954_details, 0),
    CT_PER_MORE);

const struct ct_per_type ct_h225_call_type = CT_PER_N_NULLS(4);

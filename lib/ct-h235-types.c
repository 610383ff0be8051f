/* SPDX-License-Identifier: Apache-2.0 */

/* H.235: tokens, which nobody here looks into, but which may stand in front of
 * an address. */

#include <config.h>

#include "ct-h323-types.h"

static const struct ct_per_type time_stamp = CT_PER_INT(1, UINT32_MAX);
static const struct ct_per_type challenge = CT_PER_OCTETS(8, 128);
static const struct ct_per_type eight_octets = CT_PER_OCTETS(8, 8);
static const struct ct_per_type dh_number = CT_PER_STRING_OF(1, 0, 2048);
static const struct ct_per_type bit_string =
    CT_PER_STRING_OF(1, 0, CT_PER_UNBOUNDED);
/* An INTEGER without bounds is octets, as many as it needs. */
#define any_integer ct_per_octets
/* An open type, too. */
#define to_be_signed ct_per_octets

static const struct ct_per_type dh_set = CT_PER_SEQ(
    CT_PER_FIELD(halfkey, &dh_number, 0),
    CT_PER_FIELD(modSize, &dh_number, 0),
    CT_PER_FIELD(generator, &dh_number, 0),
    CT_PER_MORE);

static const struct ct_per_type certificate = CT_PER_SEQ(
    CT_PER_FIELD(type, &ct_h225_oid, 0),
    CT_PER_FIELD(certificate, &ct_per_octets, 0),
    CT_PER_MORE);

static const struct ct_per_type non_standard = CT_PER_SEQ(
    CT_PER_FIELD(nonStandardIdentifier, &ct_h225_oid, 0),
    CT_PER_FIELD(data, &ct_per_octets, 0));

const struct ct_per_type ct_h235_clear_token = CT_PER_SEQ(
    CT_PER_FIELD(tokenOID, &ct_h225_oid, 0),
    CT_PER_OPTION(timeStamp, &time_stamp, 0),
    CT_PER_OPTION(password, &ct_h225_identifier, 0),
    CT_PER_OPTION(dhkey, &dh_set, 0),
    CT_PER_OPTION(challenge, &challenge, 0),
    CT_PER_OPTION(random, &any_integer, 0),
    CT_PER_OPTION(certificate, &certificate, 0),
    CT_PER_OPTION(generalID, &ct_h225_identifier, 0),
    CT_PER_OPTION(nonStandard, &non_standard, 0),
    CT_PER_MORE);

static const struct ct_per_type params = CT_PER_SEQ(
    CT_PER_OPTION(ranInt, &any_integer, 0),
    CT_PER_OPTION(iv8, &eight_octets, 0),
    CT_PER_MORE);

static const struct ct_per_type hashed = CT_PER_SEQ(
    CT_PER_FIELD(algorithmOID, &ct_h225_oid, 0),
    CT_PER_FIELD(paramS, &params, 0),
    CT_PER_FIELD(hash, &bit_string, 0));

static const struct ct_per_type encrypted = CT_PER_SEQ(
    CT_PER_FIELD(algorithmOID, &ct_h225_oid, 0),
    CT_PER_FIELD(paramS, &params, 0),
    CT_PER_FIELD(encryptedData, &ct_per_octets, 0));

static const struct ct_per_type signed_ = CT_PER_SEQ(
    CT_PER_FIELD(toBeSigned, &to_be_signed, 0),
    CT_PER_FIELD(algorithmOID, &ct_h225_oid, 0),
    CT_PER_FIELD(paramS, &params, 0),
    CT_PER_FIELD(signature, &bit_string, 0));

static const struct ct_per_type crypto_encrypted = CT_PER_SEQ(
    CT_PER_FIELD(tokenOID, &ct_h225_oid, 0),
    CT_PER_FIELD(token, &encrypted, 0));

static const struct ct_per_type crypto_signed = CT_PER_SEQ(
    CT_PER_FIELD(tokenOID, &ct_h225_oid, 0),
    CT_PER_FIELD(token, &signed_, 0));

static const struct ct_per_type crypto_hashed = CT_PER_SEQ(
    CT_PER_FIELD(tokenOID, &ct_h225_oid, 0),
    CT_PER_FIELD(hashedVals, &ct_h235_clear_token, 0),
    CT_PER_FIELD(token, &hashed, 0));

static const struct ct_per_type nested = CT_PER_CHOICE_OF(
    CT_PER_FIELD(cryptoEncryptedToken, &crypto_encrypted, 0),
    CT_PER_FIELD(cryptoSignedToken, &crypto_signed, 0),
    CT_PER_FIELD(cryptoHashedToken, &crypto_hashed, 0),
    CT_PER_FIELD(cryptoPwdEncr, &encrypted, 0),
    CT_PER_MORE);

static const struct ct_per_type endpoint_hash = CT_PER_SEQ(
    CT_PER_FIELD(alias, &ct_h225_alias, 0),
    CT_PER_FIELD(timeStamp, &time_stamp, 0),
    CT_PER_FIELD(token, &hashed, 0));

static const struct ct_per_type gatekeeper_hash = CT_PER_SEQ(
    CT_PER_FIELD(gatekeeperId, &ct_h225_identifier, 0),
    CT_PER_FIELD(timeStamp, &time_stamp, 0),
    CT_PER_FIELD(token, &hashed, 0));

/* H.225.0 defines it, of what H.235 has. */
const struct ct_per_type ct_h235_crypto_token = CT_PER_CHOICE_OF(
    CT_PER_FIELD(cryptoEPPwdHash, &endpoint_hash, 0),
    CT_PER_FIELD(cryptoGKPwdHash, &gatekeeper_hash, 0),
    CT_PER_FIELD(cryptoEPPwdEncr, &encrypted, 0),
    CT_PER_FIELD(cryptoGKPwdEncr, &encrypted, 0),
    CT_PER_FIELD(cryptoEPCert, &signed_, 0),
    CT_PER_FIELD(cryptoGKCert, &signed_, 0),
    CT_PER_FIELD(cryptoFastStart, &signed_, 0),
    CT_PER_FIELD(nestedcryptoToken, &nested, 0),
    CT_PER_MORE);

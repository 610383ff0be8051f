/* SPDX-License-Identifier: Apache-2.0 */

/* H.245: what flows in a logical channel, which stands in front of the
 * addresses. */

#include <config.h>

#include "ct-h323-types.h"

/* H.245 has a NonStandardParameter of its own, which is like H.225.0's but for
 * "...". */

static const struct ct_per_type h221_non_standard = CT_PER_SEQ(
    CT_PER_FIELD(t35CountryCode, &ct_per_u8, 0),
    CT_PER_FIELD(t35Extension, &ct_per_u8, 0),
    CT_PER_FIELD(manufacturerCode, &ct_per_u16, 0));

static const struct ct_per_type non_standard_identifier = CT_PER_CHOICE_OF(
    CT_PER_FIELD(object, &ct_h225_oid, 0),
    CT_PER_FIELD(h221NonStandard, &h221_non_standard, 0));

const struct ct_per_type ct_h245_non_standard = CT_PER_SEQ(
    CT_PER_FIELD(nonStandardIdentifier, &non_standard_identifier, 0),
    CT_PER_FIELD(data, &ct_per_octets, 0));

/* What flows: video. */

static const struct ct_per_type up_to_4 = CT_PER_INT(1, 4);
static const struct ct_per_type up_to_15 = CT_PER_INT(0, 15);
static const struct ct_per_type up_to_32 = CT_PER_INT(1, 32);
static const struct ct_per_type up_to_16383 = CT_PER_INT(0, 16383);
static const struct ct_per_type up_to_19200 = CT_PER_INT(1, 19200);
static const struct ct_per_type up_to_192400 = CT_PER_INT(1, 192400);
static const struct ct_per_type up_to_262143 = CT_PER_INT(0, 262143);
static const struct ct_per_type up_to_524287 = CT_PER_INT(0, 524287);
static const struct ct_per_type up_to_2_30 = CT_PER_INT(0, (1 << 30) - 1);

/* BOOLEANs one behind the other are as good as a string of bits. */
static const struct ct_per_type five_bools = CT_PER_STRING_OF(1, 5, 5);
static const struct ct_per_type eight_bools = CT_PER_STRING_OF(1, 8, 8);
static const struct ct_per_type ten_bools = CT_PER_STRING_OF(1, 10, 10);
static const struct ct_per_type eleven_bools = CT_PER_STRING_OF(1, 11, 11);

static const struct ct_per_type h261 = CT_PER_SEQ(
    CT_PER_OPTION(qcifMPI, &up_to_4, 0),
    CT_PER_OPTION(cifMPI, &up_to_4, 0),
    CT_PER_FIELD(temporalSpatialTradeOffCapability, &ct_per_bool, 0),
    CT_PER_FIELD(maxBitRate, &up_to_19200, 0),
    CT_PER_FIELD(stillImageTransmission, &ct_per_bool, 0),
    CT_PER_MORE);

static const struct ct_per_type h262 = CT_PER_SEQ(
    CT_PER_FIELD(profileAndLevel, &eleven_bools, 0),
    CT_PER_OPTION(videoBitRate, &up_to_2_30, 0),
    CT_PER_OPTION(vbvBufferSize, &up_to_262143, 0),
    CT_PER_OPTION(samplesPerLine, &up_to_16383, 0),
    CT_PER_OPTION(linesPerFrame, &up_to_16383, 0),
    CT_PER_OPTION(framesPerSecond, &up_to_15, 0),
    CT_PER_OPTION(luminanceSampleRate, &ct_per_u32, 0),
    CT_PER_MORE);

static const struct ct_per_type h263 = CT_PER_SEQ(
    CT_PER_OPTION(sqcifMPI, &up_to_32, 0),
    CT_PER_OPTION(qcifMPI, &up_to_32, 0),
    CT_PER_OPTION(cifMPI, &up_to_32, 0),
    CT_PER_OPTION(cif4MPI, &up_to_32, 0),
    CT_PER_OPTION(cif16MPI, &up_to_32, 0),
    CT_PER_FIELD(maxBitRate, &up_to_192400, 0),
    CT_PER_FIELD(unrestrictedVector ... temporalSpatialTradeOffCapability,
                 &five_bools, 0),
    CT_PER_OPTION(hrd-B, &up_to_524287, 0),
    CT_PER_OPTION(bppMaxKb, &ct_per_u16, 0),
    CT_PER_MORE);

static const struct ct_per_type is11172_video = CT_PER_SEQ(
    CT_PER_FIELD(constrainedBitstream, &ct_per_bool, 0),
    CT_PER_OPTION(videoBitRate, &up_to_2_30, 0),
    CT_PER_OPTION(vbvBufferSize, &up_to_262143, 0),
    CT_PER_OPTION(samplesPerLine, &up_to_16383, 0),
    CT_PER_OPTION(linesPerFrame, &up_to_16383, 0),
    CT_PER_OPTION(pictureRate, &up_to_15, 0),
    CT_PER_OPTION(luminanceSampleRate, &ct_per_u32, 0),
    CT_PER_MORE);

static const struct ct_per_type video = CT_PER_CHOICE_OF(
    CT_PER_FIELD(nonStandard, &ct_h245_non_standard, 0),
    CT_PER_FIELD(h261VideoCapability, &h261, 0),
    CT_PER_FIELD(h262VideoCapability, &h262, 0),
    CT_PER_FIELD(h263VideoCapability, &h263, 0),
    CT_PER_FIELD(is11172VideoCapability, &is11172_video, 0),
    CT_PER_MORE);

/* Audio. */

static const struct ct_per_type up_to_256 = CT_PER_INT(1, 256);
static const struct ct_per_type up_to_448 = CT_PER_INT(1, 448);
static const struct ct_per_type up_to_1130 = CT_PER_INT(1, 1130);

static const struct ct_per_type g7231 = CT_PER_SEQ(
    CT_PER_FIELD(maxAl-sduAudioFrames, &up_to_256, 0),
    CT_PER_FIELD(silenceSuppression, &ct_per_bool, 0));

static const struct ct_per_type is11172_audio = CT_PER_SEQ(
    CT_PER_FIELD(audioLayer1 ... twoChannels, &eight_bools, 0),
    CT_PER_FIELD(bitRate, &up_to_448, 0),
    CT_PER_MORE);

static const struct ct_per_type is13818_audio = CT_PER_SEQ(
    CT_PER_FIELD(audioLayer1 ... singleChannel, &ten_bools, 0),
    CT_PER_FIELD(twoChannels ... multilingual, &ten_bools, 0),
    CT_PER_FIELD(bitRate, &up_to_1130, 0),
    CT_PER_MORE);

static const struct ct_per_type audio = CT_PER_CHOICE_OF(
    CT_PER_FIELD(nonStandard, &ct_h245_non_standard, 0),
    CT_PER_FIELD(g711Alaw64k, &up_to_256, 0),
    CT_PER_FIELD(g711Alaw56k, &up_to_256, 0),
    CT_PER_FIELD(g711Ulaw64k, &up_to_256, 0),
    CT_PER_FIELD(g711Ulaw56k, &up_to_256, 0),
    CT_PER_FIELD(g722-64k, &up_to_256, 0),
    CT_PER_FIELD(g722-56k, &up_to_256, 0),
    CT_PER_FIELD(g722-48k, &up_to_256, 0),
    CT_PER_FIELD(g7231, &g7231, 0),
    CT_PER_FIELD(g728, &up_to_256, 0),
    CT_PER_FIELD(g729, &up_to_256, 0),
    CT_PER_FIELD(g729AnnexA, &up_to_256, 0),
    CT_PER_FIELD(is11172AudioCapability, &is11172_audio, 0),
    CT_PER_FIELD(is13818AudioCapability, &is13818_audio, 0),
    CT_PER_MORE);

/* Data. */

static const struct ct_per_field data_protocols[] = {
    CT_PER_FIELD(nonStandard, &ct_h245_non_standard, 0),
    CT_PER_FIELD(v14buffered, &ct_per_null, 0),
    CT_PER_FIELD(v42lapm, &ct_per_null, 0),
    CT_PER_FIELD(hdlcFrameTunnelling, &ct_per_null, 0),
    CT_PER_FIELD(h310SeparateVCStack, &ct_per_null, 0),
    CT_PER_FIELD(h310SingleVCStack, &ct_per_null, 0),
    CT_PER_FIELD(transparent, &ct_per_null, 0),
    CT_PER_MORE,
    { .is = CT_PER_IS_END },
};
static const struct ct_per_type data_protocol = {
    .kind = CT_PER_CHOICE, .fields = data_protocols,
};
static const struct ct_per_type t120_protocol = {
    .kind = CT_PER_CHOICE, .emit = true, .fields = data_protocols,
};

/* 19 BOOLEANs and "...". */
static const struct ct_per_type t84_restricted = CT_PER_SEQ(
    CT_PER_FIELD(qcif ... g4FacsMMR200x200, &ten_bools, 0),
    CT_PER_FIELD(jbig200x200Seq ... digPhotoHighSeq, &eight_bools, 0),
    CT_PER_FIELD(digPhotoHighProg, &ct_per_bool, 0),
    CT_PER_MORE);

static const struct ct_per_type t84_profile = CT_PER_CHOICE_OF(
    CT_PER_FIELD(t84Unrestricted, &ct_per_null, 0),
    CT_PER_FIELD(t84Restricted, &t84_restricted, 0));

static const struct ct_per_type t84 = CT_PER_SEQ(
    CT_PER_FIELD(t84Protocol, &data_protocol, 0),
    CT_PER_FIELD(t84Profile, &t84_profile, 0));

static const struct ct_per_type nlpid = CT_PER_SEQ(
    CT_PER_FIELD(nlpidProtocol, &data_protocol, 0),
    CT_PER_FIELD(nlpidData, &ct_per_octets, 0));

static const struct ct_per_type application = CT_PER_CHOICE_OF(
    CT_PER_FIELD(nonStandard, &ct_h245_non_standard, 0),
    CT_PER_FIELD(t120, &t120_protocol, CT_H323_DATA),
    CT_PER_FIELD(dsm-cc, &data_protocol, 0),
    CT_PER_FIELD(userData, &data_protocol, 0),
    CT_PER_FIELD(t84, &t84, 0),
    CT_PER_FIELD(t434, &data_protocol, 0),
    CT_PER_FIELD(h224, &data_protocol, 0),
    CT_PER_FIELD(nlpid, &nlpid, 0),
    CT_PER_FIELD(dsvdControl, &ct_per_null, 0),
    CT_PER_FIELD(h222DataPartitioning, &data_protocol, 0),
    CT_PER_MORE);

static const struct ct_per_type data = CT_PER_SEQ(
    CT_PER_FIELD(application, &application, 0),
    CT_PER_FIELD(maxBitRate, &ct_per_u32, 0),
    CT_PER_MORE);

static const struct ct_per_type encryption = CT_PER_CHOICE_OF(
    CT_PER_FIELD(nonStandard, &ct_h245_non_standard, 0),
    CT_PER_FIELD(h233Encryption, &ct_per_null, 0),
    CT_PER_MORE);

const struct ct_per_type ct_h245_data_type = CT_PER_CHOICE_OF(
    CT_PER_FIELD(nonStandard, &ct_h245_non_standard, 0),
    CT_PER_FIELD(nullData, &ct_per_null, 0),
    CT_PER_FIELD(videoData, &video, 0),
    CT_PER_FIELD(audioData, &audio, 0),
    CT_PER_FIELD(data, &data, 0),
    CT_PER_FIELD(encryptionData, &encryption, 0),
    CT_PER_MORE);

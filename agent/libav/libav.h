/* libav.h - FFmpeg's libraries for the agent itself, loaded when the first clip or recording needs
 * them: they bring some hundred others along, which an agent without cameras need not hold in
 * memory. Include it in place of libav's own headers and call libav's functions by their names,
 * after vd_libav_open() was VD_OK. Any thread. */
#ifndef VD_LIBAV_H
#define VD_LIBAV_H
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/murmur3.h>

#include "vd/error.h"

#define VD_LIBAV_FUNCTIONS(X)                                                                      \
    X(av_bsf_alloc)                                                                                \
    X(av_bsf_free)                                                                                 \
    X(av_bsf_get_by_name)                                                                          \
    X(av_bsf_init)                                                                                 \
    X(av_bsf_receive_packet)                                                                       \
    X(av_bsf_send_packet)                                                                          \
    X(av_d2q)                                                                                      \
    X(av_dict_free)                                                                                \
    X(av_dict_set)                                                                                 \
    X(av_free)                                                                                     \
    X(av_guess_format)                                                                             \
    X(av_log_set_level)                                                                            \
    X(av_mallocz)                                                                                  \
    X(av_murmur3_alloc)                                                                            \
    X(av_murmur3_final)                                                                            \
    X(av_murmur3_init)                                                                             \
    X(av_murmur3_update)                                                                           \
    X(av_new_packet)                                                                               \
    X(av_packet_alloc)                                                                             \
    X(av_packet_free)                                                                              \
    X(av_packet_get_side_data)                                                                     \
    X(av_packet_unref)                                                                             \
    X(av_rescale_q)                                                                                \
    X(av_strerror)                                                                                 \
    X(av_write_frame)                                                                              \
    X(av_write_trailer)                                                                            \
    X(avcodec_descriptor_get_by_name)                                                              \
    X(avcodec_get_name)                                                                            \
    X(avcodec_parameters_copy)                                                                     \
    X(avformat_alloc_output_context2)                                                              \
    X(avformat_free_context)                                                                       \
    X(avformat_new_stream)                                                                         \
    X(avformat_query_codec)                                                                        \
    X(avformat_write_header)                                                                       \
    X(avio_closep)                                                                                 \
    X(avio_flush)                                                                                  \
    X(avio_open)

typedef struct {
#define VD_LIBAV_MEMBER(name) __typeof__(name) *name;
    VD_LIBAV_FUNCTIONS(VD_LIBAV_MEMBER)
#undef VD_LIBAV_MEMBER
} vd_libav;
extern vd_libav vd_libav_at; /* filled in by vd_libav_open */

/* Quick after the first time. VD_ABSENT: the libraries, of the version we were built with, are not
 * there. */
VD_MUST_USE vd_err vd_libav_open(vd_why *why);

#ifndef VD_LIBAV_PLAIN
#define av_bsf_alloc                   (*vd_libav_at.av_bsf_alloc)
#define av_bsf_free                    (*vd_libav_at.av_bsf_free)
#define av_bsf_get_by_name             (*vd_libav_at.av_bsf_get_by_name)
#define av_bsf_init                    (*vd_libav_at.av_bsf_init)
#define av_bsf_receive_packet          (*vd_libav_at.av_bsf_receive_packet)
#define av_bsf_send_packet             (*vd_libav_at.av_bsf_send_packet)
#define av_d2q                         (*vd_libav_at.av_d2q)
#define av_dict_free                   (*vd_libav_at.av_dict_free)
#define av_dict_set                    (*vd_libav_at.av_dict_set)
#define av_free                        (*vd_libav_at.av_free)
#define av_guess_format                (*vd_libav_at.av_guess_format)
#define av_log_set_level               (*vd_libav_at.av_log_set_level)
#define av_mallocz                     (*vd_libav_at.av_mallocz)
#define av_murmur3_alloc               (*vd_libav_at.av_murmur3_alloc)
#define av_murmur3_final               (*vd_libav_at.av_murmur3_final)
#define av_murmur3_init                (*vd_libav_at.av_murmur3_init)
#define av_murmur3_update              (*vd_libav_at.av_murmur3_update)
#define av_new_packet                  (*vd_libav_at.av_new_packet)
#define av_packet_alloc                (*vd_libav_at.av_packet_alloc)
#define av_packet_free                 (*vd_libav_at.av_packet_free)
#define av_packet_get_side_data        (*vd_libav_at.av_packet_get_side_data)
#define av_packet_unref                (*vd_libav_at.av_packet_unref)
#define av_rescale_q                   (*vd_libav_at.av_rescale_q)
#define av_strerror                    (*vd_libav_at.av_strerror)
#define av_write_frame                 (*vd_libav_at.av_write_frame)
#define av_write_trailer               (*vd_libav_at.av_write_trailer)
#define avcodec_descriptor_get_by_name (*vd_libav_at.avcodec_descriptor_get_by_name)
#define avcodec_get_name               (*vd_libav_at.avcodec_get_name)
#define avcodec_parameters_copy        (*vd_libav_at.avcodec_parameters_copy)
#define avformat_alloc_output_context2 (*vd_libav_at.avformat_alloc_output_context2)
#define avformat_free_context          (*vd_libav_at.avformat_free_context)
#define avformat_new_stream            (*vd_libav_at.avformat_new_stream)
#define avformat_query_codec           (*vd_libav_at.avformat_query_codec)
#define avformat_write_header          (*vd_libav_at.avformat_write_header)
#define avio_closep                    (*vd_libav_at.avio_closep)
#define avio_flush                     (*vd_libav_at.avio_flush)
#define avio_open                      (*vd_libav_at.avio_open)
#endif
#endif

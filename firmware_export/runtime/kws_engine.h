/* The inference engine's types and kernels: C99, no malloc, no float, no global mutable state.
 *
 * Tensors are int8. A tensor of height H, width W and C channels is stored as CHW: channel after channel, each plane
 * row by row and padded to a multiple of four bytes (one byte where H * W == 1). What is in the padding is never
 * used for a result. Weights come pre-arranged by the code generator; biases already hold the input zero point's share,
 * bias[c] - zero_point * sum(weights of c), so the inner loops multiply int8 numbers.
 */
#ifndef KWS_ENGINE_H
#define KWS_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the core multiplies two pairs of 16-bit numbers at once (SMLAD). */
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && (__ARM_FEATURE_DSP == 1)
#define KWS_DSP 1
#else
#define KWS_DSP 0
#endif

/* Whether the core has vectors of integers (MVE, Helium). */
#if defined(__GNUC__) && defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define KWS_MVE 1
#else
#define KWS_MVE 0
#endif

/* Whether dense rows lie in each other by twos, see kws_dense_pairs.h. */
#define KWS_ROW_PAIRS (KWS_DSP && !KWS_MVE)

/* What every kernel returns. */
typedef enum {
    KWS_OK = 0,
    KWS_NOT_READY = 1,      /* a step since whose reset fewer rows came than a window has: no decision yet */
    KWS_ERROR_ARGUMENT = -1 /* a pointer is null or a size does not fit the kernel */
} kws_status;

/* From a 32-bit sum to an int8 output, channel by channel, rounding twice as TensorFlow Lite Micro does. */
typedef struct {
    const int32_t *bias;
    const int32_t *multiplier; /* Q31 */
    const int8_t *shift;       /* power of two after (negative) or before (positive) the multiplication */
    int16_t zero_point;
    int16_t minimum;
    int16_t maximum;
    uint8_t saturating; /* 1: int8 saturation alone clamps, every shift is to the right, nothing can overflow (checked
                           at export) */
} kws_requant;

/* A window that slides over a plane; padding is given by where the first window starts. */
typedef struct {
    uint16_t in_height, in_width, in_plane; /* plane: bytes from one channel to the next */
    uint16_t out_height, out_width, out_plane;
    uint8_t height, width, stride_y, stride_x, dilation_y, dilation_x;
    int16_t first_y, first_x; /* position of the first window's first tap: minus the padding */
    int8_t zero_point;        /* what is outside the plane */
} kws_window;

struct kws_conv;

/* Bring the columns of KWS_BLOCK pixels into scratch, one row of lanes for each of the `depth` weights. */
typedef void (*kws_im2col)(const struct kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns);

/* A convolution over all input channels, or a fully connected layer. */
typedef struct kws_conv {
    const uint8_t *weights; /* encoded; the kernel's name says how */
    const int8_t *table;    /* values of lookup-table weights, else null */
    kws_requant output;
    kws_im2col im2col; /* null in fully connected layers and kws_pixels */
    kws_window window;
    uint16_t depth;    /* weights of one output channel: input channels * window height * window width */
    uint16_t channels; /* output channels */
    uint8_t bits;      /* of packed and lookup-table weights; N in N:M; planes of signs; pixels of a narrow block */
    uint8_t group;     /* M in N:M; common factor of weights in planes; 1 where each row brings its own lookup table */
} kws_conv;

/* A convolution that is computed pixel by pixel, as a matrix times the vector of what the window sees. */
typedef struct {
    kws_conv conv; /* `im2col` is null */
    kws_status (*product)(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch); /* kws_fc_... */
    uint32_t more; /* bytes of scratch of the product */
} kws_pixels;

/* Decodes one row of `depth` weights; returns where the next row starts. See kws_unpack_row. */
typedef const uint8_t *(*kws_unpack)(const int8_t *table, uint32_t bits, uint32_t depth, const uint8_t *source,
                                     int8_t *row);

/* A convolution of each channel by itself; output channel c * multiplier + m reads input channel c. */
typedef struct {
    const uint8_t *weights; /* [channels * multiplier][height][width], int8 or of few bits as in kws_conv_lowbit */
    const int8_t *table;    /* values of lookup-table weights, else null */
    kws_unpack unpack;      /* of weights of few bits; null for int8, so that others are not linked */
    kws_requant output;
    kws_window window;
    uint16_t channels; /* input channels */
    uint8_t multiplier;
    uint8_t bits; /* of packed and lookup-table weights */
} kws_depthwise;

typedef struct {
    kws_window window;
    uint16_t channels;
    int8_t minimum, maximum;
} kws_pool;

/* Mean over rows, columns or both: out = (sum - zero_point * count) * multiplier * 2^(shift - 31) + out_zero_point. */
typedef struct {
    uint16_t height, width, in_plane, out_plane, channels;
    uint8_t over_y, over_x;
    int32_t offset; /* zero_point * count */
    int32_t multiplier;
    int8_t shift;
    int8_t zero_point;
} kws_mean;

/* The largest over rows, columns, channels or several of them; the output has the size 1 along each of these. */
typedef struct {
    uint16_t in_height, in_width, in_channels, in_plane;
    uint16_t out_height, out_width, out_channels, out_plane;
    uint8_t over_y, over_x, over_c;
} kws_reduce;

/* Element by element with broadcasting: a stride of 0 repeats. */
typedef struct {
    uint16_t channels, height, width, out_plane;
    uint16_t a_channel, a_row, a_column, b_channel, b_row, b_column; /* strides */
    int16_t a_zero, b_zero, out_zero;
    int32_t a_multiplier, b_multiplier, out_multiplier; /* kws_multiply uses the last alone */
    int8_t a_shift, b_shift, out_shift;
    int8_t minimum, maximum;
} kws_elementwise;

/* Lay a tensor into a larger one, the first element at output offset `start`. */
typedef struct {
    uint16_t channels, height, width, in_plane, out_width, out_plane;
    uint32_t start;
} kws_place;

/* Copy a grid of bytes: axis by axis how many, and the steps in input and output; the last axis is the innermost. */
typedef struct {
    uint32_t in_bytes, out_bytes; /* of the whole tensors */
    int32_t in_start, out_start;
    uint32_t size[3];
    int32_t in_step[3], out_step[3];
} kws_copy;

/* Rows of a state: each plane loses its `added` oldest pixels and gains those of the input behind the others. */
typedef struct {
    uint16_t channels, added, in_plane, pixels, plane;
} kws_append;

/* Filters with a memory: units of `rank` filters each. Memory and weights in time are [filters][memory], oldest first.
 */
typedef struct {
    const int8_t *feature; /* [filters][inputs] */
    const void *time;      /* int16 where wide, else int8 */
    const int32_t *offset; /* -input zero point * sum of a filter's weights */
    const int32_t *bias;   /* of each unit */
    int32_t feature_multiplier, time_multiplier;
    int8_t feature_shift, time_shift;
    int8_t state_zero, zero_point;
    uint16_t filters, inputs, memory, rank;
    uint8_t wide;
} kws_svdf;

/* One gate of an LSTM; zero points are in the biases. */
typedef struct {
    const int8_t *input, *hidden; /* [units][inputs], [units][units] */
    const int32_t *input_bias, *hidden_bias;
    int32_t input_multiplier, hidden_multiplier;
    int8_t input_shift, hidden_shift;
} kws_lstm_weights;

#define KWS_LSTM_CELL 2 /* number of the gate that makes candidates; 0 input, 1 forget, 3 output */

/* An LSTM layer over `steps` columns of planes. */
typedef struct {
    const uint16_t *sigmoid; /* 256 values, 2^16 sigmoid(n / 24) */
    kws_lstm_weights gates[4];
    int32_t forget_multiplier, input_multiplier, hidden_multiplier;
    int32_t tanh_multiplier, tanh_round;
    int8_t forget_shift, input_shift, hidden_shift, tanh_shift;
    int8_t zero_point; /* of hidden state and output */
    int16_t limit;     /* of the cell; 0 for none */
    uint16_t steps, inputs, units, in_plane, out_plane;
} kws_lstm;

/* Read a CHW tensor in the order height, width, channel and write it as CHW with another shape. */
typedef struct {
    uint16_t in_channels, in_pixels, in_plane, out_channels, out_pixels, out_plane;
} kws_reshape;

typedef struct {
    uint16_t depth, stride, rows; /* softmax runs over `depth` values that are `stride` bytes apart */
    int32_t multiplier;
    int8_t shift;     /* 1 to 31, to the left */
    int16_t smallest; /* differences to the largest logit below this give exactly zero */
} kws_softmax;

/* Numbers of 16 bits to others of `out_bytes`, 1 or 4. */
typedef struct {
    uint32_t count;
    int32_t multiplier, in_zero, out_zero;
    int8_t shift;
    uint8_t out_bytes;
} kws_wide;

#define KWS_BLOCK 8         /* pixels that a convolution handles at once */
#define KWS_COLUMN_BYTES 16 /* scratch bytes of one column row: KWS_BLOCK pixels */

void kws_im2col_pointwise(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns);
void kws_im2col_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns);
/* Two weights share a column row of 32 bytes: a word a pixel, the first weight's input in its lower half. */
#if KWS_ROW_PAIRS
void kws_im2col_pairs(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns);
void kws_im2col_window_pairs(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns);
#else
#define kws_im2col_pairs kws_im2col_dense
#define kws_im2col_window_pairs kws_im2col_window_dense
#endif
/* Sixteen pixels, for products along the weights of a row (kws_mve_columns.h) or across pixels (kws_mve_sparse.h). */
#if KWS_MVE
#define kws_im2col_dense kws_mve_columns_pointwise
#define kws_im2col_window_dense kws_mve_columns_window
void kws_mve_columns_pointwise(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns);
void kws_mve_columns_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns);
#define kws_im2col_sparse kws_mve_lanes_pointwise
#define kws_im2col_window_sparse kws_mve_lanes_window
void kws_mve_lanes_pointwise(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns);
void kws_mve_lanes_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns);
#else
#define kws_im2col_sparse kws_im2col_pointwise
#define kws_im2col_window_sparse kws_im2col_window
#define kws_im2col_dense kws_im2col_pointwise
#define kws_im2col_window_dense kws_im2col_window
#endif

/* Of kws_conv_narrow_4, _6 and _10: blocks of `bits` pixels. */
#if KWS_ROW_PAIRS
void kws_im2col_narrow(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns);
void kws_im2col_window_narrow(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *columns);
#else
#define kws_im2col_narrow kws_im2col_sparse
#define kws_im2col_window_narrow kws_im2col_window_sparse
#endif

/* Of kws_conv_planes: tables of sums in place of columns. */
#if KWS_MVE
#define kws_tables_pointwise kws_im2col_dense
#define kws_tables_window kws_im2col_window_dense
#else
void kws_tables_pointwise(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *tables);
void kws_tables_window(const kws_conv *layer, const int8_t *input, uint32_t pixel, void *tables);
#endif

/* Bytes of scratch, 4-byte aligned, that a kernel needs: kws_conv_get_buffer_size is for every convolution without a
 * function of its own; matrices times vectors need none but for weights of few bits. */
#define kws_conv_scratch(depth) ((uint32_t)(depth) * KWS_COLUMN_BYTES)
uint32_t kws_conv_get_buffer_size(const kws_conv *layer);
uint32_t kws_conv_dense_pairs_get_buffer_size(const kws_conv *layer);
uint32_t kws_conv_narrow_get_buffer_size(const kws_conv *layer);
uint32_t kws_conv_lowbit_get_buffer_size(const kws_conv *layer);
uint32_t kws_conv_planes_get_buffer_size(const kws_conv *layer);
uint32_t kws_conv_pixels_get_buffer_size(const kws_pixels *layer);
uint32_t kws_fc_lowbit_get_buffer_size(const kws_conv *layer);
uint32_t kws_depthwise_any_get_buffer_size(const kws_depthwise *layer);
uint32_t kws_depthwise_direct_get_buffer_size(const kws_depthwise *layer);
uint32_t kws_depthwise_wide_get_buffer_size(const kws_depthwise *layer);
uint32_t kws_depthwise_3x3_get_buffer_size(const kws_depthwise *layer);
uint32_t kws_depthwise_small_get_buffer_size(const kws_depthwise *layer);
uint32_t kws_depthwise_five_get_buffer_size(const kws_depthwise *layer);
uint32_t kws_depthwise_column_get_buffer_size(const kws_depthwise *layer);
uint32_t kws_depthwise_few_get_buffer_size(const kws_depthwise *layer);
uint32_t kws_lstm_run_get_buffer_size(const kws_lstm *layer);

/* Convolutions. A pointwise one may work in place. */
kws_status kws_conv_dense(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_dense_pairs(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_mve_conv_dense(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_bitmap(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_delta4(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_delta(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_narrow_4(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_narrow_6(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_narrow_10(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_index(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_block(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_nm(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_lowbit(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_conv_planes(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);

/* Of few outputs, by the product of a fully connected layer; weights are encoded as for that. A pointwise one may work
 * in place. */
kws_status kws_conv_pixels(const kws_pixels *layer, const int8_t *input, int8_t *output, void *scratch);

/* Fully connected layers: one input vector; `scratch` as above for packed and lookup-table weights, else unused. */
kws_status kws_fc_dense(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_fc_dense_pairs(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_fc_bitmap(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_fc_delta4(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_fc_index(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_fc_block(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_fc_nm(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_fc_lowbit(const kws_conv *layer, const int8_t *input, int8_t *output, void *scratch);

/* Bytes of one row of N:M weights: three for each two that are kept. */
static inline uint32_t kws_pairs_bytes(const kws_conv *layer) {
    const uint32_t kept = (uint32_t)layer->depth / layer->group * layer->bits;
    return (kept + 1u) / 2u * 3u;
}

/* Decode one row of `depth` packed or (with a table) lookup-table weights; returns where the next row starts. */
const uint8_t *kws_unpack_row(const int8_t *table, uint32_t bits, uint32_t depth, const uint8_t *source, int8_t *row);

/* The next row of a layer of few bits, whose table may lie before it; returns where the row after it starts. */
const uint8_t *kws_next_row(const kws_conv *layer, const uint8_t *code, int8_t *row);

/* Depthwise convolutions may work in place where multiplier is 1 and the output plane is not the larger one.
 */
kws_status kws_depthwise_any(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_depthwise_wide(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_depthwise_3x3(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_depthwise_small(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch);
kws_status kws_depthwise_five(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch);

/* Few outputs, saturating, int8 taps; not in place. */
kws_status kws_depthwise_direct(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch);

/* One output pixel of a kernel N x 1 without dilation, all of it inside a column of rows. `scratch` holds the taps of
 * one channel of few bits, else it is unused. */
kws_status kws_depthwise_column(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch);

/* As kws_depthwise_column, with output pixels below one another and a multiplier of 1. */
kws_status kws_depthwise_few(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch);

/* A 3x3 window with saturating output over all columns, one beyond either side, and rows within the input; not in
 * place. No scratch. */
kws_status kws_depthwise_narrow(const kws_depthwise *layer, const int8_t *input, int8_t *output, void *scratch);

kws_status kws_average_pool(const kws_pool *layer, const int8_t *input, int8_t *output);
kws_status kws_average_plane(const kws_pool *layer, const int8_t *input, int8_t *output);
kws_status kws_max_pool(const kws_pool *layer, const int8_t *input, int8_t *output);
kws_status kws_mean_pool(const kws_mean *layer, const int8_t *input, int8_t *output);
kws_status kws_reduce_max(const kws_reduce *layer, const int8_t *input, int8_t *output);
kws_status kws_add(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output);
kws_status kws_subtract(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output);
kws_status kws_multiply(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output);
kws_status kws_maximum(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output);
kws_status kws_minimum(const kws_elementwise *layer, const int8_t *a, const int8_t *b, int8_t *output);
kws_status kws_fill(int8_t value, uint32_t bytes, int8_t *output);
kws_status kws_place_tensor(const kws_place *layer, const int8_t *input, int8_t *output);
kws_status kws_copy_strided(const kws_copy *layer, const int8_t *input, int8_t *output);
kws_status kws_append_rows(const kws_append *layer, const int8_t *input, int8_t *state);
kws_status kws_reshape_tensor(const kws_reshape *layer, const int8_t *input, int8_t *output);
kws_status kws_clamp(int8_t minimum, int8_t maximum, uint32_t bytes, const int8_t *input, int8_t *output);
kws_status kws_lookup(const int8_t table[256], uint32_t bytes, const int8_t *input, int8_t *output);
kws_status kws_softmax_rows(const kws_softmax *layer, const int8_t *input, int8_t *output);
kws_status kws_softmax_wide(const kws_softmax *layer, const int8_t *input, int8_t *output);
kws_status kws_rescale_wide(const kws_wide *layer, const int8_t *input, int8_t *output);

/* Layers with a memory of their own, aligned to 2 where it is of 16 bits. */
kws_status kws_svdf_step(const kws_svdf *layer, const int8_t *input, int8_t *state, int8_t *output);
kws_status kws_lstm_run(const kws_lstm *layer, const int8_t *input, int8_t *hidden, int8_t *cell, int8_t *output,
                        void *scratch);

/* A build may define KWS_PROBE(layer) to see where an inference is; it costs nothing otherwise. */
#ifndef KWS_PROBE
#define KWS_PROBE(layer) ((void)0)
#endif

#ifdef __cplusplus
}
#endif

#endif /* KWS_ENGINE_H */

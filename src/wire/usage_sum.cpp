// SPDX-License-Identifier: Apache-2.0
#include "wire/usage_sum.hpp"

namespace weir::wire {

Usage sum(Usage a, const Usage& b) {
  a.input += b.input;
  a.input_cache_read += b.input_cache_read;
  a.input_cache_write += b.input_cache_write;
  a.input_cache_write_1h += b.input_cache_write_1h;
  a.output += b.output;
  a.output_reasoning += b.output_reasoning;
  a.input_audio += b.input_audio;
  a.output_audio += b.output_audio;
  a.input_image += b.input_image;
  a.output_image += b.output_image;
  a.is_impossible = a.is_impossible || b.is_impossible;
  a.accepted_prediction += b.accepted_prediction;
  a.rejected_prediction += b.rejected_prediction;
  a.audio_ms += b.audio_ms;
  a.search_units += b.search_units;
  // A price is only known of the whole when it is known of each part.
  if (a.cost_nanousd && b.cost_nanousd) {
    *a.cost_nanousd += *b.cost_nanousd;
  } else {
    a.cost_nanousd.reset();
  }
  return a;
}

}  // namespace weir::wire

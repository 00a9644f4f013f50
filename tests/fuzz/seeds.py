#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a starting corpus for the fuzz targets from the wire cases, so that a short run begins
inside the formats instead of guessing braces.

usage: seeds.py <folder>        fills <folder>/<target>/
"""

import hashlib
import pathlib
import sys
import zlib

WIRE_CASES = pathlib.Path(__file__).resolve().parents[1] / "wire"
DIALECTS = ["openai", "responses", "anthropic", "gemini", "ollama"]
PASSED_DIALECTS = ["openai", "anthropic", "gemini", "ollama", "responses"]  # in passthrough_fuzz's order
REQUEST, RESPONSE, STREAM = range(3)
CUT = bytes([7, 30])  # sizes of a stream's first piece and of the others

HTTP_SEEDS = [
    b"\0" + CUT + b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    b"\0" + CUT + b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"\1" + CUT + b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n",
    b"\1" + CUT + b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    b"\2" + CUT + b"5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
    b"\4" + CUT + zlib.compress(b"hello hello hello"),
]

TOKEN_SEEDS = [bytes([encoding]) + CUT + text.encode() for encoding in range(2) for text in [
    "Don't WE'LL it'\u017f \u4e2d\u6587ABCd \u0301A\u0301's \U0001f600", " \n  a 12345 // \r\n/ \u00a0!"]]

MULTIPART_SEEDS = [
    b"\1" + CUT + b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
                  b'Content-Type: audio/wav\r\n\r\nRIFF\r\n--b-\r\n--b\r\n'
                  b'Content-Disposition: form-data; name=model\r\n\r\nm\r\n--b--\r\n',
    b"\0" + CUT + b'multipart/form-data; charset=utf-8; boundary="a b"',
]

VECTORS = b'"embeddings":[[0.5,-1]],"embedding":[0.5]'
BESIDE_CHAT_SEEDS = [bytes([decoder]) + text for decoder, text in enumerate([
    b'{"model":"m","input":["a",[1,2]],"dimensions":8,"encoding_format":"base64","user":"u"}',
    b'{"content":{"parts":[{"text":"a"}]},"taskType":"CLUSTERING","outputDimensionality":8}',
    b'{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]}}]}',
    b'{"model":"m","input":["a","b"],"prompt":"c","truncate":true,"keep_alive":"1m"}',
    b'{"model":"m","data":[{"index":0,"embedding":[0.5,-1]},{"index":1,"embedding":"AAAAPw=="}],'
    b'"usage":{"prompt_tokens":8,"total_tokens":8}}',
    b'{"embedding":{"values":[0.5]},"embeddings":[{"values":[0.5,-1]}]}',
    b'{"model":"m",' + VECTORS + b',"prompt_eval_count":8}',
    b'{"model":"m","prompt":["a","b"],"max_tokens":5,"n":2,"stop":"x","echo":false,"suffix":""}',
    b'{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":8,"completion_tokens":1}}',
    b'{"models":[{"name":"m:1b","model":"m:1b","digest":"a","details":{"family":"f"}}],'
    b'"capabilities":["completion","vision"],"model_info":{"general.architecture":"t",'
    b'"t.context_length":8192},"remote_host":"https://a"}',
])]

# By the number of the dialect in model_list_fuzz's order.
MODEL_LIST_SEEDS = [bytes([dialect]) + text for dialect, text in [
    (0, b'{"object":"list","data":[{"id":"a","max_model_len":8192},{"id":"b/c","meta":{"n_ctx":4096}}]}'),
    (0, b'{"data":[{"id":"m","context_length":200000,"supported_parameters":["tools"],'
        b'"architecture":{"input_modalities":["text","image"]},'
        b'"top_provider":{"context_length":131072,"max_completion_tokens":16384}}]}'),
    (0, b'[{"id":"m","type":"vlm","loaded_context_length":4096,"max_context_length":40000,'
        b'"capabilities":{"completion_chat":true,"function_calling":false,"vision":true}}]'),
    (1, b'{"data":[{"id":"m","context_window":131072}]}'),
    (2, b'{"data":[{"type":"model","id":"m","display_name":"M"}],"has_more":false}'),
    (3, b'{"models":[{"name":"models/m","inputTokenLimit":8192,"outputTokenLimit":64,'
        b'"supportedGenerationMethods":["generateContent","embedContent"]}]}'),
    (4, b'{"models":[{"name":"m:8b","model":"m:8b","digest":"a","details":{"context_length":40960},'
        b'"capabilities":["completion","tools","vision","thinking","embedding"]}]}'),
]]


def seeds() -> dict[str, list[bytes]]:
    """Inputs by target."""
    found: dict[str, list[bytes]] = {"json_fuzz": [], "sse_fuzz": [], "dialect_fuzz": [],
                                     "passthrough_fuzz": [],
                                     "http_fuzz": HTTP_SEEDS,
                                     "tokens_fuzz": TOKEN_SEEDS,
                                     "multipart_fuzz": MULTIPART_SEEDS,
                                     "beside_chat_fuzz": BESIDE_CHAT_SEEDS,
                                     "model_list_fuzz": MODEL_LIST_SEEDS}
    for source, dialect in enumerate(DIALECTS):
        for file in sorted((WIRE_CASES / dialect).glob("*/*")):
            kind = {"request.json": REQUEST, "response.json": RESPONSE,
                    "upstream.sse": STREAM, "upstream.ndjson": STREAM}.get(file.name)
            if kind is None:
                continue
            text = file.read_bytes()
            if dialect in PASSED_DIALECTS:
                place = PASSED_DIALECTS.index(dialect)
                found["passthrough_fuzz"].append(bytes([place]) + text)
            for target in range(len(DIALECTS)):
                found["dialect_fuzz"].append(bytes([source, target, kind, 0]) + CUT + text)
            found["sse_fuzz" if kind == STREAM else "json_fuzz"].append(
                CUT + text if kind == STREAM else text)
    return found


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    for target, inputs in seeds().items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (folder / target / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main()

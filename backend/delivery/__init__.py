"""Interlibrary loan and document delivery: one lifecycle, a fair rota, ISO 18626, electronic copies, figures."""

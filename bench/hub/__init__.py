"""The event hub alone: one gateway fed by JetStream, beside a plain queue per client and beside nginx + nchan."""

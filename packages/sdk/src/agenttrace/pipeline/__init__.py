"""From a span to an exporter: a bounded queue and a supervised worker thread for each exporter."""

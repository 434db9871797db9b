"""The ledger: whatever happens to a program, each record it made is stored, spooled or counted.

A child program writes the name of every record to a side file before it makes it. After the fault
the names are compared with what arrived. Everything here goes through the public API and real
processes, so that it holds whatever the pipeline is made of.
"""

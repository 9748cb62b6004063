"""What is stored: experts by number and the table of group keys, in versions.

Others take `Bank` and `BankVersion` (bank), `GroupTable` (group_table), `Words` (evidence).
"""

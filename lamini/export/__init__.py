"""Facts for engines that serve adapters but no memory.

Others take `export_lora` (peft_export).
"""

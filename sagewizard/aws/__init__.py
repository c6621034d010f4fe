"""The target aws: session, guard, execution role, bucket and prices; nothing is imported until it is used."""

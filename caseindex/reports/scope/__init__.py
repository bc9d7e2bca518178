"""What a sentence says of a finding that it names: denied, doubted, of the past, changed, and where."""

COMMON = {}

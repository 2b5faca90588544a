module github.com/multi-layer-cache/multi-layer-cache/adapters/lru/compare

go 1.26.0

require (
	github.com/klauspost/compress v1.18.0
	github.com/multi-layer-cache/multi-layer-cache v0.0.0
	github.com/stretchr/testify v1.12.1
	github.com/ulikunitz/xz v0.5.15
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace github.com/multi-layer-cache/multi-layer-cache => ../../..

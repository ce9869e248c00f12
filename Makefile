# The commands of the house. Each installs what it needs and is missing (Debian's packages; Rust itself you install).
# `make run` takes LISTEN=address:port, DATA_DIR=folder and ARGS="further arguments of pantryd serve".

LISTEN ?= 127.0.0.1:8080
DATA_DIR ?= $(HOME)/.local/share/pantry
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run build test interop bench check fmt gen

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: build ## build and serve on LISTEN, with the data in DATA_DIR
	@mkdir -p "$(DATA_DIR)"
	target/release/pantryd serve --data-dir "$(DATA_DIR)" --listen "$(LISTEN)" $(ARGS)

build: ## build target/release/pantryd and target/release/pantry
	@scripts/need cargo cc
	cargo build --release --package pantry-server --package pantry-cli --features pantry-cli/tls

test: ## run every test, on SQLite and on a PostgreSQL of the run's own
	@scripts/need cargo cc postgres slapd curl python unzip
	scripts/test

interop: build ## run other people's OAuth clients, in Node and Python, against the release build
	@scripts/need node python
	scripts/interop

bench: ## measure what is promised about speed; ARGS names what to measure
	@scripts/need cargo cc nginx wrk
	cargo build --release --package pantry-server --package pantry-cli --features pantry-cli/tls
	cargo run --release --package pantry-benches -- $(ARGS)

check: ## form, lints, house rules, stale files, documentation
	@scripts/need cargo cc
	scripts/check

fmt: ## bring the code into form
	cargo fmt --all

gen: ## write the generated files
	cargo xtask gen

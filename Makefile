# What there is to do, a line each. Everything that CI does is here or in .ci/run.
export CARGO_INCREMENTAL := 0
.DEFAULT_GOAL := help
.PHONY: help demo test check prove bench generate serve

help: ## Say what there is to do
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## Build and run a small travel desk: three goals, live, then the proof
	cargo run --release --locked -p omnihub -- demo

test: ## Install what the tests need, then run them all, those of the API on either store
	.ci/tools && cargo test --locked --workspace && TESTS_ON_POSTGRES=1 cargo test --locked -p orchestrator --test main

check: ## Format, lints (warnings denied) and the rules of the house
	cargo fmt --all --check && cargo clippy --workspace --all-targets --locked -- -D warnings && cargo test --locked -p xtask

prove: ## Kill this very binary 200 times under load and count what was doubled, lost or hidden; then 60 times on Postgres
	cargo run --release --locked -p omnihub -- prove crash --kills 200
	cargo run --release --locked -p servers -- target/release/omnihub prove crash --kills 60 --database {url}

bench: ## Measure speed and memory of this very binary; minutes, on a quiet machine
	cargo bench --locked -p omnihub --bench speed

generate: ## Write openapi.json and omnihub.example.toml from the code
	cargo run --release --locked -p xtask -- generate

serve: ## Build and run a server on ./omnihub-data
	cargo run --release --locked -p omnihub -- serve

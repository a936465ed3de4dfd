# The front door. Every target is safe to repeat; the work is done by Meson and by the scripts in tools/.
.DEFAULT_GOAL := help
.PHONY: help setup build web run test bench circle lint fuzz soak install uninstall clean

BUILD   ?= build
PREFIX  ?= /usr/local
# Seconds per fuzz target for make fuzz; hours of footage at speed and minutes with faults for make soak.
FUZZ_S  ?= 300
SOAK_H  ?= 24
SOAK_M  ?= 60
# make bench ROW=G5 runs one row.
ROW     ?=

help: ## this list
	@printf 'Vedette: vision AI from the camera to the people, on your own machines.\n\n'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@printf '\nStart with make run. State of a checkout lives in var/, builds in build/.\n'

setup: ## install what is missing (apt, npm), fetch and convert the default model
	@tools/setup

build: ## build the programs (optimised) into build/release
	@tools/setup --quiet
	@tools/build release

web: ## build the page into web/dist
	@tools/setup --quiet
	@tools/build web

run: ## two simulated cameras, one agent, one hub: the whole thread, with one address to visit
	@tools/setup --quiet
	@tools/build release web
	@tools/run

test: ## everything: unit, fault, journey, browser tests, short fuzzing, lint
	@tools/setup --quiet --tests
	@tools/test

bench: ## the rows of docs/performance.md beside their peers (ROW=G5 for one)
	@tools/setup --quiet --tests
	@tools/build release web
	@bench/run $(ROW)

lint: ## format, clang-tidy, cppcheck, counts, boundaries, requirements, TypeScript
	@tools/setup --quiet --tests
	@tools/build debug
	@tools/lint

fuzz: ## every fuzzer for FUZZ_S seconds each (libFuzzer, ASan, UBSan)
	@tools/setup --quiet --tests
	@tools/build fuzz
	@FUZZ_S=$(FUZZ_S) fuzz/run

circle: ## the whole round: incidents, labels, training, gate, release, switch, watch; prints before and after
	@tools/setup --quiet --tests
	@tools/build release web
	@node tests/circle/run.mjs

soak: ## SOAK_H hours of footage at speed, then SOAK_M minutes with faults; memory must stay flat
	@tools/setup --quiet --tests
	@tools/build release web
	@SOAK_H=$(SOAK_H) node tests/faults/footage.mjs
	@SOAK_M=$(SOAK_M) node tests/faults/soak.mjs

install: ## install programs, man pages, default configuration and the page under PREFIX
	@tools/setup --quiet
	@tools/build release web
	@meson configure $(BUILD)/release -Dprefix=$(PREFIX)
	@meson install -C $(BUILD)/release

clean: ## remove builds (not var/, which holds your data)
	rm -rf $(BUILD) web/dist

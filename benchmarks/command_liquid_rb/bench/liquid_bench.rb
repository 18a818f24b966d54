# frozen_string_literal: true

# Parses and renders templates by the liquid in ./lib: liquid_bench.rb measure|check|expect FOLDER
#
# FOLDER holds templates/*.liquid, broken.json (sources that must fail, or must not) and expected.json.

require 'json'

# Taken before the code under test is loaded: what it does to the clock or to printing comes too late.
CLOCK = Process.method(:clock_gettime)
OUT = $stdout.method(:write)

mode, folder = ARGV
$LOAD_PATH.unshift(File.expand_path('lib'))
require 'liquid'

PASSES = 7 # odd: the median is one of them
BUDGET = 0.12 # seconds of processor time a pass, at least

def data
  products = (1..24).map do |i|
    {
      'id' => i, 'title' => "Product #{i} <b>&", 'price' => i * 199 % 5000, 'available' => (i % 3 != 0),
      'tags' => %w[red green blue cotton wool].rotate(i).first(1 + i % 4), 'vendor' => "Vendor #{i % 5}",
      'description' => "A <em>fine</em> thing number #{i}. " * (1 + i % 3),
      'variants' => (1..(1 + i % 4)).map { |v| { 'sku' => "S#{i}-#{v}", 'stock' => (i * v) % 7 } }
    }
  end
  {
    'shop' => { 'name' => 'Evolving Goods', 'currency' => 'EUR', 'url' => 'https://shop.example' },
    'products' => products, 'empty' => [], 'nothing' => nil, 'yes' => true, 'count' => 3, 'ratio' => 2.5,
    'text' => "The quick brown fox\njumps over the lazy dog.\n", 'words' => %w[zeta alpha mid alpha],
    'nested' => { 'a' => { 'b' => { 'c' => [1, 2, { 'd' => 'deep' }] } } }, 'date' => '2024-02-29 13:37:00 +0000'
  }
end

def sources(folder)
  Dir[File.join(folder, 'templates', '*.liquid')].sort.to_h { |path| [File.basename(path), File.read(path)] }
end

MODES = { 'plain' => {}, 'strict' => { line_numbers: true, error_mode: :strict } }.freeze

# What a template gives: its text and its errors, or the kind and the words of the one that stopped it.
def outcome(source, options)
  template = Liquid::Template.parse(source, **options)
  [template.render(data), template.errors.map { |e| [e.class.name, e.message] }]
rescue StandardError => e
  [e.class.name, e.message]
end

def outcomes(folder)
  broken = JSON.parse(File.read(File.join(folder, 'broken.json')))
  all = sources(folder).merge(broken.each_with_index.to_h { |source, i| ["broken #{i}", source] })
  all.transform_values { |source| MODES.transform_values { |options| outcome(source, options) } }
end

# `increment` writes into what it is given. No two passes parse the same text: to remember what was parsed before is no faster parser.
def pass(texts, assigns, number)
  texts.map { |text| Liquid::Template.parse("#{text}#{number}").render(assigns.dup) }
end

def measure(folder)
  texts = sources(folder)
  assigns = data
  number = 0
  rendered = nil
  2.times { pass(texts.values, assigns, number += 1) }
  times = Array.new(PASSES) do
    rounds = 0
    start = CLOCK.call(Process::CLOCK_PROCESS_CPUTIME_ID)
    loop do
      rendered = pass(texts.values, assigns, number += 1)
      rounds += 1
      break if CLOCK.call(Process::CLOCK_PROCESS_CPUTIME_ID) - start >= BUDGET
    end
    (CLOCK.call(Process::CLOCK_PROCESS_CPUTIME_ID) - start) * 1000 / rounds
  end
  expected = JSON.parse(File.read(File.join(folder, 'expected.json')))
  right = texts.keys.map { |name| "#{expected[name]['plain'].first}#{number}" }
  abort 'what was measured is not what was expected' unless rendered == right
  OUT.call(format("METRIC render_ms=%.6f\n", times.sort[PASSES / 2]))
end

case mode
when 'expect'
  OUT.call(JSON.pretty_generate(outcomes(folder)))
when 'check'
  expected = JSON.parse(File.read(File.join(folder, 'expected.json')))
  # Twice, the second time in another order: nothing may be carried from one rendering to the next.
  [outcomes(folder), outcomes(folder).to_a.reverse.to_h].each do |found|
    found = JSON.parse(JSON.generate(found))
    wrong = expected.keys.reject { |name| found[name] == expected[name] }
    next if wrong.empty?

    warn "#{wrong.length} of #{expected.length} differ: #{wrong.first(5).join(', ')}"
    warn "#{wrong.first}: expected #{expected[wrong.first].inspect[0, 300]}, got #{found[wrong.first].inspect[0, 300]}"
    exit 1
  end
when 'measure'
  measure(folder)
else
  abort 'usage: liquid_bench.rb measure|check|expect FOLDER'
end

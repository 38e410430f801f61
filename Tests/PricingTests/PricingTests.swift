import Foundation
import LLMWire
import TestSupport
import Testing

@testable import Pricing

/// `Vectors/cost.json`, made from the rules and not by this code.
private struct CostVectors: Decodable {
    struct Vector: Decodable {
        struct Figures: Decodable {
            let input, output, cache_read, cache_write_5m, cache_write_1h, reasoning: Int64?
        }
        struct Expectation: Decodable {
            let picos: Int64
            let text: String
        }
        let id: String
        let model_answered, model_asked: String?
        let usage: Figures
        let multiplier: String
        let expect: Expectation?
    }
    let vectors: [Vector]

    static func read() throws -> (table: PriceTable, vectors: [Vector]) {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors/cost.json")
        let data = try Data(contentsOf: file)
        // The file's table as a file of prices.
        var json = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        json["format"] = "podium-prices/1"
        json["models"] = json["prices"]
        json["vectors"] = nil
        return (
            try PriceTable(file: Array(try JSONSerialization.data(withJSONObject: json))),
            try JSONDecoder().decode(CostVectors.self, from: data).vectors
        )
    }
}

@Suite("Prices and cost")
struct PricingTests {
    private func usage(_ input: Int64? = nil, _ output: Int64? = nil, cacheRead: Int64? = nil) -> Usage {
        var usage = Usage()
        (usage.input, usage.output, usage.cacheRead) = (input, output, cacheRead)
        return usage
    }

    @Test("The vectors")
    func vectors() throws {
        let (table, vectors) = try CostVectors.read()
        #expect(vectors.count >= 11)
        for vector in vectors {
            var usage = Usage()
            (usage.input, usage.output, usage.reasoning) = (
                vector.usage.input, vector.usage.output, vector.usage.reasoning
            )
            (usage.cacheRead, usage.cacheWrite5m, usage.cacheWrite1h) = (
                vector.usage.cache_read, vector.usage.cache_write_5m, vector.usage.cache_write_1h
            )
            let cost = PriceList([table]).cost(
                of: usage, answered: vector.model_answered, asked: vector.model_asked,
                multiplier: try #require(CostMultiplier(vector.multiplier)))
            #expect(cost == vector.expect?.picos, "\(vector.id)")
            #expect(cost.map(Decimal.text) == vector.expect?.text, "\(vector.id)")
        }
    }

    @Test("Decimals are exact, and what is none is refused")
    func decimals() {
        #expect(Decimal.parse("3", digits: 6) == 3_000_000)
        #expect(Decimal.parse("0.000001", digits: 6) == 1)
        #expect(Decimal.parse("0.30000000", digits: 6) == 300_000)
        #expect(Decimal.parse(".5", digits: 1) == 5)
        for text in ["", ".", "1.2.3", "-1", "1e3", " 1", "0.0000001", "99999999999999999999"] {
            #expect(Decimal.parse(text, digits: 6) == nil, "\(text)")
        }
        #expect(Decimal.text(picos: 0) == "0")
        #expect(Decimal.text(picos: 1) == "0.000000000001")
        #expect(Decimal.text(picos: 12_340_000_000_000) == "12.34")
        #expect(Decimal.text(picos: -500_000_000_000) == "-0.5")
    }

    @Test("A multiplier rounds half up, and goes from 0 to 100")
    func multipliers() throws {
        var rates = Rates()
        rates.input = 1
        let half = try #require(CostMultiplier("0.5"))
        #expect(rates.cost(of: usage(1), multiplier: half) == 1)
        #expect(rates.cost(of: usage(2), multiplier: half) == 1)
        #expect(rates.cost(of: usage(3), multiplier: half) == 2)
        #expect(rates.cost(of: usage(7), multiplier: try #require(CostMultiplier("0"))) == 0)
        #expect(rates.cost(of: usage(7), multiplier: try #require(CostMultiplier("100"))) == 700)
        for text in ["100.0001", "-1", "x", "0.00001"] { #expect(CostMultiplier(text) == nil) }
    }

    @Test("What is too much to be counted is not known, and traps nowhere")
    func overflow() {
        var rates = Rates()
        rates.input = 1_000_000_000_000
        rates.output = 1
        #expect(rates.cost(of: usage(1_000_000_000_000)) == nil)
        rates.input = 9_223_372_036_854
        #expect(rates.cost(of: usage(1_000_000, 775_807)) == 9_223_372_036_854_775_807)
        #expect(rates.cost(of: usage(1_000_000, 775_808)) == nil)
        #expect(rates.cost(of: usage(1_000_000, 775_807), multiplier: CostMultiplier("2") ?? .one) == nil)
    }

    @Test("A name is looked up whole, without its date, and by patterns")
    func names() {
        func entry(_ model: String, _ input: Int64) -> PriceTable.Entry {
            var rates = Rates()
            rates.input = input
            return PriceTable.Entry(model: model, rates: rates)
        }
        let table = PriceTable(
            date: "", currency: "",
            entries: [entry("a-*", 1), entry("a-b", 2), entry("a-b-20250101", 3), entry("a-b", 4), entry("?-c*z", 5)])
        func input(_ name: String) -> Int64? { table.entry(name)?.rates.input }
        #expect(input("a-b") == 2)
        #expect(input("a-b-20250101") == 3)
        #expect(input("a-b-20250102") == 2)
        #expect(input("a-b-2025-01-02") == 2)
        #expect(input("a-b@20250102") == 2)
        #expect(input("a-b-latest") == 2)
        #expect(input("a-b-2025010") == 1)
        #expect(input("a-b-5") == 1)
        #expect(input("x-c--z") == 5)
        #expect(input("x-c") == nil)
        #expect(input("") == nil)
        // The operator's pattern goes before a name that Podium brings along.
        let own = PriceTable(date: "", currency: "", entries: [entry("a*", 9)])
        #expect(PriceList([own, table]).entry(answered: "a-b", asked: nil)?.rates.input == 9)
        #expect(PriceList([own, table]).entry(answered: "b", asked: "a-b")?.rates.input == 9)
    }

    @Test("A file says where it is wrong")
    func file() throws {
        func problem(_ text: String) -> PriceTable.Problem? {
            do {
                _ = try PriceTable(file: Array(text.utf8))
                return nil
            } catch { return error }
        }
        let head = #"{"format": "podium-prices/1", "date": "2026-11-01", "currency": "EUR", "models": ["#
        #expect(problem(head + #"{"model": "m", "input": "0.25", "output": null}]}"#) == nil)
        #expect(problem("[]")?.line == 1)
        #expect(problem("{")?.line != nil)
        #expect(problem(#"{"format": "other", "models": []}"#)?.reason.contains("format") == true)
        #expect(problem(head + "\n{\"input\": \"1\"}]}") == .init(line: 2, reason: "an entry without \"model\""))
        #expect(problem(head + "\n\n{\"model\": \"m\", \"input\": \"-1\"}]}")?.line == 3)
        #expect(
            problem(head + "{\"model\": \"m\", \"over\": [{\"input\": \"1\"}]}]}")?.reason.contains("input_above")
                == true)
        let table = try PriceTable(file: Array((head + #"{"model": "m", "input": 0.25}]}"#).utf8))
        #expect(table.date == "2026-11-01" && table.currency == "EUR" && table.entry("m")?.rates.input == 250_000)
    }

    @Test("The built-in list has names alone, and prices for all that it says")
    func builtIn() {
        let table = PriceTable.builtIn
        #expect(table.entries.count == Set(table.entries.map(\.model)).count)
        for entry in table.entries {
            #expect(!entry.model.contains("*") && !entry.model.contains("?"))
            #expect(entry.rates.input != nil && entry.rates.output != nil && entry.rates.cacheRead != nil)
        }
        #expect(table.entry("claude-haiku-4-5-20251001")?.rates.cacheWrite1h == 2_000_000)
        // A successor has no price until it is known.
        #expect(table.entry("claude-opus-9") == nil)
        let long = usage(300_000, 1)
        #expect(PriceList([table]).cost(of: long, answered: "claude-sonnet-4-5", asked: nil) == nil)
    }
}

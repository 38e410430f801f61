public import Configuration
internal import LLMWire
internal import PodiumModel
internal import Pricing
internal import Support
internal import Trends

/// The prices by which costs are reckoned anew: those of the operator's file before the built-in ones, and what endpoints take of them.
public struct UsagePrices: Sendable {
    let list: PriceList
    let multipliers: [String: CostMultiplier]
    /// The endpoints that there are: what the others took of the price is not known any more. nil: it is not known which there are.
    public var endpoints: Set<String>?
    /// Why the operator's file is not among them.
    let problem: String?

    init(list: PriceList, multipliers: [String: CostMultiplier], problem: String? = nil) {
        (self.list, self.multipliers, self.problem) = (list, multipliers, problem)
    }

    /// As settings name them.
    ///
    /// - Parameter folder: what a relative path begins with; empty or with its slash
    public init(_ settings: UsageSettings, folder: String) {
        var tables = [PriceTable.builtIn]
        var problem: String?
        switch settings.prices {
        case .builtIn: break
        case .off: tables = []
        case .file(let file):
            let path = file.hasPrefix("/") ? file : folder + file
            do throws(UsageRules.PriceFileProblem) { tables.insert(try UsageRules.table(path), at: 0) } catch {
                problem = error.text
            }
        }
        self.init(list: PriceList(tables), multipliers: settings.multipliers, problem: problem)
    }
}

/// Costs of what is kept by the prices of today. What is kept stays as it is: this is another look at it.
///
/// Sums have tokens by kind, and no single requests. So whatever depends on a single request cannot be reckoned from them, keeps the cost that
/// it had, and is named.
struct Repricing {
    let prices: UsagePrices
    private var left: [Left: Int64] = [:]

    private struct Left: Hashable {
        var endpoint: String
        var model: String
        var reason: String
    }

    init(_ prices: UsagePrices) { self.prices = prices }

    /// The row with its cost anew.
    mutating func reprice(_ row: UsageRow) -> UsageRow {
        let count = row.cell[.read] + row.cell[.partial]
        guard count > 0 else { return row }
        var usage = Usage()
        (usage.input, usage.output, usage.cacheRead) = (row.cell[.input], row.cell[.output], row.cell[.cacheRead])
        (usage.cacheWrite5m, usage.cacheWrite1h) = (row.cell[.cacheWrite5m], row.cell[.cacheWrite1h])
        switch cost(of: usage, row) {
        case .success(let cost):
            var new = row
            new.cell[.cost] = cost
            new.cell[.unpriced] = 0
            return new
        case .failure(let reason):
            left[Left(endpoint: row.endpoint, model: row.model, reason: reason.text), default: 0] += count
            return row
        }
    }

    private struct Reason: Error { let text: String }

    private func cost(of usage: Usage, _ row: UsageRow) -> Result<Int64, Reason> {
        guard !row.model.isEmpty, row.model != NameTable.otherText else {
            return .failure(Reason(text: "which model it was is not kept"))
        }
        guard let entry = prices.list.entry(answered: row.model, asked: nil) else {
            return .failure(Reason(text: "it has no price"))
        }
        guard entry.tiers.isEmpty else {
            return .failure(Reason(text: "its price depends on how long each input was"))
        }
        guard prices.endpoints?.contains(row.endpoint) ?? true else {
            return .failure(Reason(text: "the endpoint is gone, and what it takes of the price with it"))
        }
        let multiplier = prices.multipliers[row.endpoint] ?? .one
        guard let cost = entry.rates.cost(of: usage, multiplier: multiplier) else {
            return .failure(Reason(text: "a kind of its tokens has no price"))
        }
        return .success(cost)
    }

    /// What a report says of it.
    var note: UsageReport.Repricing {
        UsageReport.Repricing(
            problem: prices.problem,
            left: left.map { key, count in
                UsageReport.Repricing.Left(
                    endpoint: key.endpoint, model: key.model, requests: count, reason: key.reason)
            }.sorted { ($0.endpoint, $0.model) < ($1.endpoint, $1.model) })
    }
}

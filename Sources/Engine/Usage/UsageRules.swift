internal import Configuration
internal import LLMWire
internal import Pricing
internal import Proxy
internal import Support
internal import Trends

/// What costs go by, and what is kept: the settings under `usage:` and the multipliers of the endpoints, as they are in force.
struct UsageRules: Sendable {
    static let largestPriceFile = 4 << 20

    var prices = PriceList([.builtIn])
    private(set) var multipliers: [String: CostMultiplier] = [:]
    private(set) var limits = Retention.Limits()

    /// Takes settings over, but for the prices of a file, which is read elsewhere: it may lie on a disk that stands still.
    mutating func follow(_ settings: UsageSettings) {
        multipliers = settings.multipliers
        limits.hours = settings.keepHours.components.seconds
        limits.days = settings.keepDays.components.seconds
        limits.requests = settings.keepRequests.components.seconds
        switch settings.prices {
        case .builtIn: prices = PriceList([.builtIn])
        case .off: prices = PriceList([])
        case .file: break
        }
    }

    /// What an answer cost, in picos; nil: not known.
    ///
    /// - Parameter endpoint: its name
    func cost(of usage: AnswerUsage, endpoint: String?) -> Int64? {
        guard usage.extent != .unread else { return nil }
        return prices.cost(
            of: usage.figures, answered: usage.model.isEmpty ? nil : usage.model,
            asked: usage.asked.isEmpty ? nil : usage.asked,
            multiplier: endpoint.flatMap { multipliers[$0] } ?? .one)
    }

    /// Why a file of prices is not used.
    struct PriceFileProblem: Error {
        /// With the path, and the line where it has one.
        let text: String
    }

    /// The prices of a file.
    static func table(_ path: String) throws(PriceFileProblem) -> PriceTable {
        let bytes: [UInt8]
        do throws(DescriptorIO.ReadFailure) {
            bytes = try DescriptorIO.contents(of: path, limit: largestPriceFile)
        } catch {
            throw PriceFileProblem(text: "\(path): \(error.text)")
        }
        do throws(PriceTable.Problem) { return try PriceTable(file: bytes) } catch {
            throw PriceFileProblem(text: "\(path), line \(error.line): \(error.reason)")
        }
    }
}

/// How long each model takes, as a multiple of the first model that was measured, so that an endpoint is not slow because it was asked for
/// the slower model.
///
/// A factor is learnt within one endpoint and never from two: what the endpoint takes for this model against what it takes for others. So
/// the slowness of an endpoint never becomes that of a model. The exception cannot be helped: what an endpoint that was never measured
/// answers with a model that was never measured either says nothing about which of the two is fast. Such an endpoint is taken to be as fast
/// as is usual.
///
/// Where all answers are of one model its factor is one, and all times are what they are.
///
/// Clients and endpoints choose the names of models. So at most 32 are remembered, for all endpoints together; a name that was seen a few
/// times only makes room for the next, and one that is in use for none.
struct ModelFactors: Sendable {
    /// Models that are remembered.
    static let capacity = 32
    /// After this many samples a factor is known well enough to measure by. Those before teach it, and measure nothing.
    static let lessons: UInt32 = 8
    /// How far one pair of samples moves a known factor, at most: 1/64 of the way.
    private static let slowest = 64.0
    /// A model that was not in use for so long makes room for another.
    private static let oblivion = Duration.seconds(3_600)
    /// Two samples of one endpoint tell two models apart if they are not further apart than that.
    private static let pairing = Duration.seconds(300)
    private static let range = 1e-4...1e4

    private struct Entry: Sendable {
        var model: UInt32
        var samples: UInt32
        /// Its factor is one for ever.
        var isFirst: Bool
        var factor: Double
        var lastUse: RankingTime
    }

    private var entries: [Entry] = []
    private var last = 0

    /// The last sample of an endpoint, brought to the first model.
    struct Previous: Sendable {
        var model: UInt32
        var seconds: Double
        var at: RankingTime
    }

    /// Models that are remembered now.
    var count: Int { entries.count }

    /// The factor of the model that was measured most often; 1 where one model is all there is.
    var commonFactor: Double {
        entries.max { $0.samples < $1.samples }?.factor ?? 1
    }

    /// Brings a sample to the time that the first model would have taken.
    ///
    /// - Parameters:
    ///   - level: what the endpoint takes on average, brought to the first model; nil where nothing is measured at all
    ///   - previous: the endpoint's sample before
    /// - Returns: nil where the model's factor is not known yet
    mutating func normalise(
        _ seconds: Double, of model: UInt32, level: Double?, previous: Previous?, at now: RankingTime
    ) -> Double? {
        guard let index = find(model) ?? insert(model, at: now) else { return nil }
        entries[index].lastUse = now
        if entries[index].samples < .max { entries[index].samples += 1 }
        if !entries[index].isFirst, entries[index].samples <= Self.lessons {
            learn(seconds, level: level, index)
            return nil
        }
        let normalised = seconds / entries[index].factor
        if let previous, previous.model != model, !entries[index].isFirst, previous.at + Self.pairing > now {
            refine(index, normalised, previous)
        }
        return normalised
    }

    /// For the next process.
    func memory(_ kind: AnswerKind) -> [RankingMemory.Factor] {
        entries.map {
            RankingMemory.Factor(
                kind: kind, model: $0.model, samples: $0.samples, isFirst: $0.isFirst, factor: $0.factor)
        }
    }

    /// Goes on with what an earlier process has learnt.
    mutating func restore(_ factors: [RankingMemory.Factor], at now: RankingTime) {
        entries = []
        last = 0
        for factor in factors.prefix(Self.capacity) where !entries.contains(where: { $0.model == factor.model }) {
            let isFirst = factor.isFirst && !entries.contains { $0.isFirst }
            entries.append(
                Entry(
                    model: factor.model, samples: factor.samples, isFirst: isFirst,
                    factor: isFirst ? 1 : Self.bounded(factor.factor), lastUse: now))
        }
    }

    private mutating func learn(_ seconds: Double, level: Double?, _ index: Int) {
        let ratio = level.map { $0 > 0 ? seconds / $0 : 1 } ?? 1
        let mean = entries[index].factor + (ratio - entries[index].factor) / Double(entries[index].samples)
        entries[index].factor = Self.bounded(mean)
    }

    /// The endpoint has just taken `previous` for another model. A single pair says little, and its weight is bounded however odd it is.
    private mutating func refine(_ index: Int, _ normalised: Double, _ previous: Previous) {
        let sum = normalised + previous.seconds
        guard sum > 0 else { return }
        let step = 2 * (normalised - previous.seconds) / sum / min(Self.slowest, Double(entries[index].samples))
        entries[index].factor = Self.bounded(entries[index].factor * (1 + step))
    }

    private static func bounded(_ factor: Double) -> Double {
        min(max(factor, range.lowerBound), range.upperBound)
    }

    private mutating func find(_ model: UInt32) -> Int? {
        // Most requests ask for what the one before asked for.
        if last < entries.count, entries[last].model == model { return last }
        guard let index = entries.firstIndex(where: { $0.model == model }) else { return nil }
        last = index
        return index
    }

    private mutating func insert(_ model: UInt32, at now: RankingTime) -> Int? {
        let entry = Entry(model: model, samples: 0, isFirst: entries.isEmpty, factor: 1, lastUse: now)
        guard entries.count >= Self.capacity else {
            entries.append(entry)
            return entries.count - 1
        }
        let fleeting = entries.indices.filter { !entries[$0].isFirst && entries[$0].samples <= Self.lessons }
        let disused = entries.indices.filter { entries[$0].lastUse + Self.oblivion <= now }
        let candidates = fleeting.isEmpty ? disused : fleeting
        guard let index = candidates.min(by: { entries[$0].lastUse < entries[$1].lastUse }) else { return nil }
        // A first one that makes room leaves the others as they are to each other, which is all that counts.
        entries[index] = entry
        entries[index].isFirst = false
        return index
    }
}

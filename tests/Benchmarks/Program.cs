using BenchmarkDotNet.Running;
using MeshFromFaces.Benchmarks;

// dotnet run -c Release --project tests/Benchmarks -- stages [--photos FOLDER] [--texture-size N] [--rounds N]
// dotnet run -c Release --project tests/Benchmarks -- --filter '*'
if (args is ["stages", ..])
{
    return Stages.Run(args[1..]);
}
BenchmarkSwitcher.FromAssembly(typeof(Stages).Assembly).Run(args);
return 0;

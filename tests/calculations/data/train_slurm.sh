#!/bin/bash
#SBATCH --no-requeue
#SBATCH --job-name="aiida-None"
#SBATCH --get-user-env
#SBATCH --output=_scheduler-stdout.txt
#SBATCH --error=_scheduler-stderr.txt
#SBATCH --partition=gpu
#SBATCH --account=zif
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=2
#SBATCH --time=1-00:00:00
#SBATCH --mem=976
#SBATCH --gres=gpu:2

{ echo "host $(hostname)"; echo "threads ${OMP_NUM_THREADS:-unset}"; echo "start $(date +%s.%N)"; } > cost.txt

'/opt/nequip/bin/nequip-train' '-cn' 'train.yaml' '++segment_seconds=77760'  > 'train.out' 2>&1

if grep -q 'TRAIN RUN END' train.out && ! grep -q 'Segment ends after epoch' train.out; then
'/opt/nequip/bin/nequip-package' 'build' 'out/best.ckpt' 'model.nequip.zip' > package.out 2>&1 && mkdir -p out/done && mv out/*.ckpt out/done
fi
{ echo "end $(date +%s.%N)"; times; { head -c 1000000 /dev/zero > space.test; } 2> /dev/null && rm space.test || { rm -f space.test; false; } || echo "disk full"; } >> cost.txt
